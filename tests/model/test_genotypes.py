from pathlib import Path

import pytest

from model import genotypes
from rtvideo.errors import InputError, UsageError


def test_written_file_reads_back(tmp_path: Path) -> None:
    pair = {"iem": genotypes.AUTHORS_IEM, "nrm": genotypes.AUTHORS_NRM}
    genotypes.write(tmp_path / "g.txt", pair)
    assert genotypes.read(tmp_path / "g.txt") == pair


def test_single_puts_one_operation_everywhere() -> None:
    assert set(genotypes.single("dil3")) == {"dil3"}
    with pytest.raises(UsageError, match=r"'conv5'; allowed: conv1"):
        genotypes.single("conv5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "not a genotype file"),
        ("[1, 2]", "keys must be"),
        ("{'iem': ('conv1',)}", "list 7 operations"),
        ("{'iem': ('conv1', 'conv1', 'conv1', 'conv9', 'conv1', 'conv1', 'conv1')}", "r2 is 'conv9'"),
        ("{'other': ('conv1',) * 7}", "not a genotype file"),
        ("{'other': ()}", "keys must be"),
    ],
)
def test_bad_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "g.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        genotypes.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        genotypes.read(Path("no/such/file"))
