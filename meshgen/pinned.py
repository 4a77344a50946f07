"""Sources as they were at one moment, kept in a folder, and imported from there under the names that they had.

A run copies the Python files of the user's project when it starts. Whoever serves them, a replica above all, imports
the copies whatever has become of the files since; to Python they are the files themselves, so that `__file__`,
tracebacks and what a node reads beside its code are as in the project. Imports nothing but the standard library.
"""

from __future__ import annotations

import linecache
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import cache_from_source, spec_from_file_location
from pathlib import Path
from types import ModuleType

_ROOTS = "roots"
_FILES = "files"
_MOST_FOLDERS = 20_000
_NOT_SOURCES = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
_ENVIRONMENT = "pyvenv.cfg"


def take(roots: Iterable[Path], folder: Path) -> tuple[Path, ...]:
    """Copy the Python files below `roots` into `folder`.

    Args:
        roots: folders that modules are imported from, resolved.
        folder: a new one.

    Returns:
        The roots that have so many folders that not all were looked at; the nearest were.
    """
    roots = tuple(dict.fromkeys(roots))
    too_large = tuple(root for root in roots if not _copied(root, folder / _FILES))
    (folder / _ROOTS).write_text("\n".join(map(str, roots)), encoding="utf-8")
    return too_large


def changed_since(folder: Path, moment: float) -> str | None:
    """A file that was written after a moment (seconds since 1970) and before it was copied here; None: none was."""
    copied_at = (folder / _ROOTS).stat().st_mtime
    for path in sorted((folder / _FILES).rglob("*.py")):
        if moment < path.stat().st_mtime <= copied_at:
            return f"/{path.relative_to(folder / _FILES)}"
    return None


def roots(folder: Path) -> tuple[Path, ...]:
    """The roots that were copied into `folder`."""
    return tuple(map(Path, (folder / _ROOTS).read_text(encoding="utf-8").splitlines()))


def folders(folder: Path) -> tuple[Path, ...]:
    """The folders whose sources were copied into `folder`, as far as they still exist; the roots among them."""
    files = folder / _FILES
    copied = {Path("/") / path.parent.relative_to(files) for path in files.rglob("*.py")}
    return tuple(sorted(path for path in {*copied, *roots(folder)} if path.is_dir()))


def is_outdated(folder: Path) -> bool:
    """Whether a file that was copied into `folder` has been written or removed since."""
    files = folder / _FILES
    for path in files.rglob("*.py"):
        kept, now = path.stat(), Path("/") / path.relative_to(files)
        if not now.is_file() or (now.stat().st_mtime_ns, now.stat().st_size) != (kept.st_mtime_ns, kept.st_size):
            return True
    return False


def serve(folder: Path) -> None:
    """From now on import the sources in `folder` in this process, and not those on disk."""
    global _served  # noqa: PLW0603
    if _served is None:
        sys.path_hooks.insert(0, _finder)
    _served = _Served(folder)
    for entry in [e for e in sys.path_importer_cache if _served.mirror(os.path.realpath(e)) is not None]:
        del sys.path_importer_cache[entry]


def served() -> Path | None:
    """The folder that is imported from; None in a process that imports what is on disk."""
    return None if _served is None else _served.folder


def root_of(file: Path) -> Path | None:
    """The root of a file that is served, by its own name; None for what is not."""
    return None if _served is None else _served.root_of(file)


def source(file: Path) -> bytes:
    """A Python file as it is imported here; the file is resolved.

    Raises:
        OSError: it cannot be read.
    """
    kept = None if _served is None else _served.mirror(str(file))
    return (file if kept is None else Path(kept)).read_bytes()


class _Served:
    """A folder that is imported from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = str(folder / _FILES)
        self._roots = roots(folder)

    def mirror(self, path: str) -> str | None:
        """Where the copy of a file or folder is, if there is one."""
        kept = self._files + path
        return kept if path.startswith(os.sep) and Path(kept).exists() else None

    def root_of(self, file: Path) -> Path | None:
        """The innermost root above a file of which there is a copy."""
        above = [root for root in self._roots if file.is_relative_to(root)]
        return max(above, key=lambda root: len(root.parts)) if above and self.mirror(str(file)) else None


_served: _Served | None = None


# --- copying -------------------------------------------------------------------------------------------------------


def _copied(root: Path, files: Path) -> bool:
    """Copy the sources below a root, the nearest folders first; False when there were too many folders."""
    waiting, seen, count = [root], {os.path.realpath(root)}, 0
    while waiting:
        below: list[Path] = []
        for folder in waiting:
            if (count := count + 1) > _MOST_FOLDERS:
                return False
            for inner in _copied_from(folder, files):
                if (real := os.path.realpath(inner)) not in seen:  # links may lead round in a circle
                    seen.add(real)
                    below.append(inner)
        waiting = below
    return True


def _copied_from(folder: Path, files: Path) -> Iterator[Path]:
    """Copy the sources in a folder; yields the folders in it that may have more."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not for this user to read
        return
    if any(entry.name == _ENVIRONMENT for entry in entries):
        return
    for entry in entries:
        if entry.is_dir():
            # A package has a name that Python can say; other folders are roots of their own, or data.
            if entry.name.isidentifier() and entry.name not in _NOT_SOURCES:
                yield Path(entry.path)
        elif entry.name.endswith(tuple(SOURCE_SUFFIXES)):
            _copy(entry.path, f"{files}{entry.path}")


def _copy(file: str, copy: str) -> None:
    Path(copy).parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(file, copy)
    except OSError:  # gone, or a link to nowhere, such as editors make for a lock
        Path(copy).unlink(missing_ok=True)


# --- importing -----------------------------------------------------------------------------------------------------


def _finder(path: str) -> _Finder:
    """A hook for `sys.path_hooks`."""
    kept = None if _served is None else _served.mirror(os.path.realpath(path))
    if kept is None or not Path(kept).is_dir():
        raise ImportError(f"{path} is imported as it is on disk")
    return _Finder(path, kept)


class _Finder(FileFinder):
    """Finds modules of one folder: sources among the copies, all else where it is."""

    def __init__(self, path: str, kept: str) -> None:
        super().__init__(kept, (SourceFileLoader, SOURCE_SUFFIXES))
        self._path, self._kept = path, kept
        self._compiled = FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES))
        self._rest = FileFinder(path, (SourcelessFileLoader, BYTECODE_SUFFIXES))

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """As Python does, in its order: compiled extensions, sources, bytecode without one."""
        compiled = self._compiled.find_spec(fullname, target)
        if compiled is not None and compiled.loader is not None:
            return compiled
        spec = super().find_spec(fullname, target)
        return self._rest.find_spec(fullname, target) if spec is None else self._as_in_project(spec)

    def invalidate_caches(self) -> None:
        """Look again."""
        super().invalidate_caches()
        self._compiled.invalidate_caches()
        self._rest.invalidate_caches()

    def _as_in_project(self, spec: ModuleSpec) -> ModuleSpec:
        folders = spec.submodule_search_locations
        if folders is not None:
            folders = [self._named(folder) for folder in folders]
        if spec.loader is None or spec.origin is None:  # a package without `__init__.py`
            spec.submodule_search_locations = folders
            return spec
        file = self._named(spec.origin)
        loader = _Loader(spec.name, file, spec.origin)
        made = spec_from_file_location(spec.name, file, loader=loader, submodule_search_locations=folders)
        assert made is not None
        return made

    def _named(self, kept: str) -> str:
        return self._path + kept.removeprefix(self._kept)


class _Loader(SourceFileLoader):
    """Loads a copy as the file that it is of; bytecode lies beside the copy."""

    def __init__(self, fullname: str, path: str, kept: str) -> None:
        super().__init__(fullname, path)
        self._kept = kept

    def exec_module(self, module: ModuleType) -> None:
        """Run it; its lines in tracebacks are those of the copy."""
        text = self.get_source(self.name) or ""
        # Without a time of change, nobody looks whether the file has changed.
        linecache.cache[self.path] = (len(text), None, text.splitlines(keepends=True), self.path)
        super().exec_module(module)

    def get_data(self, path: str) -> bytes:
        """The source, its bytecode, or a file beside it."""
        return super().get_data(self._at(path))

    def path_stats(self, path: str) -> dict[str, float]:
        """Time and size of the source, by which bytecode is told to be current."""
        return dict(super().path_stats(self._at(path)))

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        """Keep bytecode."""
        super().set_data(self._at(path), data, _mode=_mode)

    def _at(self, path: str) -> str:
        if path == self.path:
            return self._kept
        return cache_from_source(self._kept) if path == cache_from_source(self.path) else path
