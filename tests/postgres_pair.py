"""A PostgreSQL server and its standby, which takes its place."""

from __future__ import annotations

from consuming import eventually
from postgres import Server, ThrowAwayServer, find_binaries


class PostgresPair:
    """The primary alone; `follow` gives it a standby, of which it can be waited for that it has all commits."""

    def __init__(self) -> None:
        binaries = find_binaries()
        assert binaries is not None
        self._binaries = binaries
        self.primary = ThrowAwayServer(binaries)
        self._standby: ThrowAwayServer | None = None

    @property
    def standby(self) -> ThrowAwayServer:
        assert self._standby is not None
        return self._standby

    def follow(self, *, closely: bool = True) -> None:
        """Start a standby; one that follows `closely` has a commit before the client is told of it."""
        self._standby = ThrowAwayServer(self._binaries, standby_of=self.primary.server)
        if closely:
            state = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            self.primary.server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
            eventually(lambda: self.primary.server.execute(state))

    def fail_over(self) -> Server:
        """Stop the primary at once, and let the standby take its place."""
        self.primary.close()
        self.standby.server.execute("SELECT pg_promote()")
        self.primary, self._standby = self.standby, None
        return self.primary.server

    def close(self) -> None:
        self.primary.close()
        if self._standby is not None:
            self._standby.close()
