"""The command `asset-bridge`, also as `python -m asset_consumer`."""

from __future__ import annotations

import importlib.util
import sys

from asset_consumer.collector import collect_seldom, leave_out_what_is_there

EXIT_CONFIG = 78
"""What the settings or arguments, or a missing extra, made impossible (sysexits.h: EX_CONFIG)."""


def main() -> None:
    """Run the command line; on an install without it, say which extra brings it."""
    if importlib.util.find_spec("click") is None:
        sys.stderr.write("asset-bridge's command line needs an extra: pip install 'dagster-asset-bridge[all]'\n")
        sys.exit(EXIT_CONFIG)
    # Late, so that the sentence above can be said without click.
    from asset_consumer.cli import run  # noqa: PLC0415 # see above

    collect_seldom()
    code = run()
    leave_out_what_is_there()
    sys.exit(code)


if __name__ == "__main__":
    main()
