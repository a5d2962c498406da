"""Where things lie in the repository."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DEMO: Final = ROOT / "realtime" / "capture" / "demo.ogg"
SHARED_DATA: Final = ROOT.parent / "shared" / "data"
EARLIER: Final = ROOT / "tests" / "earlier"
"""What earlier versions of the program themselves have written."""
