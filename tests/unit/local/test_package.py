"""What goes into the deployment package, and what its dependencies must agree on."""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.package.app_files import list_app_files, read_app_files
from local.package.archive import write_archive
from local.package.faults import PackagingFailed
from local.package.openmp import NOTICE_START, build_notice, restore_soname
from local.package.sizes import Size, find_part, measure_sizes
from local.package.vendor import SITE_PACKAGES, is_loaded, read_owners, read_vendored
from local.package.wheels import explain_pip_failure

ROOT = Path(__file__).resolve().parents[3]
TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
# Deployed, though no line of ours imports them: PyJWT's RS256 is made of one, scoring/booster.py finds the other.
USED_UNIMPORTED = {"cryptography", "lightgbm"}
MODULES = {
    "pyjwt": "jwt",
    "azure-functions": "azure.functions",
    "azure-functions-durable": "azure.durable_functions",
    "azure-identity": "azure.identity",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the least that is packaged, and a little that is not."""
    for path in ("function_app.py", "host.json", "regions.json", "scoring/model.py", "scoring/__pycache__/model.pyc",
                 "tests/test_model.py", "scoring/.secret", "local.settings.json"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / ".funcignore").write_text((ROOT / ".funcignore").read_text())
    return tmp_path


def test_app_files_are_those_that_funcignore_lets_through(checkout: Path) -> None:
    assert list_app_files(checkout) == ["function_app.py", "host.json", "regions.json", "scoring/model.py"]


def test_app_files_without_the_app_say_what_is_missing(checkout: Path) -> None:
    (checkout / "function_app.py").unlink()
    with pytest.raises(PackagingFailed, match=r"function_app\.py not found in .* whole checkout"):
        read_app_files(checkout)


def test_app_files_without_funcignore_say_so(checkout: Path) -> None:
    (checkout / ".funcignore").unlink()
    with pytest.raises(PackagingFailed, match=r"\.funcignore can't be read"):
        list_app_files(checkout)


def test_app_files_of_this_checkout_are_what_the_app_imports() -> None:
    packaged = {path.split("/")[0] for path in list_app_files(ROOT)}
    code = {name for name in packaged if any((ROOT / name).glob("*.py"))}
    ours = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert code == find_imports(deployed_code()) & ours
    assert packaged - code == {"function_app.py", "host.json", "regions.json", "model_artifacts", "policies"}


def test_requirements_are_all_imported_by_what_is_deployed() -> None:
    deployed = {canonicalize_name(requirement.name) for requirement in read_requirements("requirements.txt")}
    imported = find_imports(deployed_code(), depth=2) | find_imports(deployed_code())
    unused = {name for name in deployed - USED_UNIMPORTED if MODULES.get(name, name) not in imported}
    assert unused == set(), "take it out of requirements.txt"


def test_lock_file_agrees_with_the_requirements() -> None:
    wanted = {pin_of(requirement) for requirement in read_requirements("requirements.txt")}
    assert wanted - read_lock() == set(), "run the command at the top of requirements.lock"


def test_lock_file_has_every_dependency_but_those_of_lightgbm() -> None:
    locked = {pin.partition("==")[0] for pin in read_lock()}
    missing = {
        f"{name} needs {needed}" for name in locked - {"lightgbm"} for needed in needs_of(name) if needed not in locked
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lightgbm/lib/lib_lightgbm.so", True),
        ("lightgbm/__init__.py", True),
        ("lightgbm/sklearn.py", False),
        ("lightgbm-4.7.0.dist-info/licenses/LICENSE", True),
        ("lightgbm-4.7.0.dist-info/RECORD", False),
        ("aiohttp/client.py", True),
        ("aiohttp/_http_parser.pyx", False),
        ("aiohttp/_http_parser.cpython-313-x86_64-linux-gnu.so", True),
        ("certifi/cacert.pem", True),
        ("jwt/types.pyi", False),
        ("bin/idna", False),
    ],
)
def test_vendored_file_is_kept_if_something_loads_it(path: str, expected: bool) -> None:
    assert is_loaded(path) is expected


def test_vendored_files_lie_where_the_host_looks_and_have_an_owner(tmp_path: Path) -> None:
    (tmp_path / "yarl").mkdir()
    (tmp_path / "yarl" / "url.py").write_text("x = 1")
    (tmp_path / "yarl-1.2.dist-info").mkdir()
    (tmp_path / "yarl-1.2.dist-info" / "RECORD").write_text("yarl/url.py,sha256=x,5\n")
    assert read_vendored(tmp_path) == {f"{SITE_PACKAGES}/yarl/url.py": b"x = 1"}
    assert read_owners(tmp_path) == {f"{SITE_PACKAGES}/yarl/url.py": "yarl 1.2"}


def test_openmp_gets_its_own_name_back_in_as_many_bytes() -> None:
    renamed = b"ELF\0libgomp-e985bcbb.so.1.0.0\0GOMP_1.0\0"
    restored = restore_soname(renamed)
    assert [part for part in restored.split(b"\0") if part] == [b"ELF", b"libgomp.so.1", b"GOMP_1.0"]
    assert len(restored) == len(renamed)


@pytest.mark.parametrize("library", [b"ELF\0libgomp.so.1\0", b"libgomp-1a.so.1\0libgomp-1a.so.1\0"])
def test_openmp_of_another_make_is_refused(library: bytes) -> None:
    with pytest.raises(PackagingFailed, match="instead of 1"):
        restore_soname(library)


def test_openmp_notice_holds_its_licence() -> None:
    notice = build_notice(f"BSD\n{NOTICE_START}\nGCC RUNTIME LIBRARY EXCEPTION")
    assert "GNU General Public License" in notice
    assert notice.endswith("GCC RUNTIME LIBRARY EXCEPTION")
    with pytest.raises(PackagingFailed, match="doesn't speak of libgomp"):
        build_notice("BSD")


def test_archive_of_the_same_files_has_the_same_bytes(tmp_path: Path) -> None:
    write_archive({"a": b"1" * 100, "b/c": b"2"}, tmp_path / "first.zip")
    sizes = write_archive({"b/c": b"2", "a": b"1" * 100}, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    assert sizes.keys() == {"a", "b/c"}
    assert sizes["a"] < 100


def test_sizes_are_summed_by_part_the_largest_first() -> None:
    path = f"{SITE_PACKAGES}/yarl/url.py"
    files = {"function_app.py": b"12", "host.json": b"123", path: b"123456", "policies/standard/1.json": b"1"}
    zipped = dict.fromkeys(files, 1)
    assert measure_sizes(files, zipped, {path: "yarl 1.2"}) == [
        Size("yarl 1.2", 6, 1), Size("our code", 5, 2), Size("models and policies", 1, 1),
    ]  # fmt: skip


def test_sizes_of_a_file_that_nobody_brought_are_an_error() -> None:
    with pytest.raises(KeyError):
        find_part(f"{SITE_PACKAGES}/stray.py", {})


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("/usr/bin/python3: No module named pip", "make setup"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "isn't the one that x.lock pins"),
        ("WARNING: retrying\nERROR: No matching distribution found for yarl==1.2", "online? ERROR: No matching"),
    ],
)
def test_pip_failure_says_what_to_do(output: str, said: str) -> None:
    assert said in explain_pip_failure(output, "x.lock")


def deployed_code() -> list[Path]:
    return [ROOT / path for path in list_app_files(ROOT) if path.endswith(".py")]


def find_imports(files: Iterable[Path], depth: int = 1) -> set[str]:
    """The modules that the files import, to so many parts of their names."""
    names = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {".".join(name.split(".")[:depth]) for name in names}


def read_requirements(name: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    return [item for item in requirements if item.marker is None or item.marker.evaluate(TARGET)]


def read_lock() -> set[str]:
    """The pins, `name==version`."""
    return set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def pin_of(requirement: Requirement) -> str:
    return f"{canonicalize_name(requirement.name)}{requirement.specifier}"


def needs_of(name: str) -> set[str]:
    """What a distribution needs on the machine that the package is for, by its own metadata."""
    needed = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    return {
        canonicalize_name(item.name)
        for item in needed
        if item.marker is None or item.marker.evaluate({**TARGET, "extra": ""})
    }
