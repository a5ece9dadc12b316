"""The real samples: inputs that nobody on this project made up."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real samples; tests skip where it is absent."""
    if not SAMPLES.is_dir():
        pytest.skip("the real samples are not beside this checkout")
    return SAMPLES
