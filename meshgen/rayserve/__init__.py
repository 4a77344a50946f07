"""Every place of Ray and Serve that is not their public API and that meshgen leans on."""
