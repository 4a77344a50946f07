"""What back ends write with: files, documents, Python source, and the words at the top of each."""
