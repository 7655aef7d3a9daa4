"""Who calls: by a token from outside, by the mesh's word from inside; nobody else.

Who is not known may ask in vain a few times a second, each address for itself; behind a proxy all have one. Beyond that
no signature is looked at for them, so that a new token has to wait too, while who is known goes on.
"""

from typing import Final

from parapet_serving.callers import mesh
from parapet_serving.callers.keys import Keys
from parapet_serving.callers.rate import Rate
from parapet_serving.callers.tokens import Bearers
from parapet_serving.refusal import Wrong
from parapet_serving.settings import Settings

WORK_BYTES: Final = 4096
WORK_ROWS: Final = 64
"""Of a request, that count as one more. A body that has to be looked at closely takes the event loop up to 90 ms a MiB,
0.35 ms for so many bytes; a request of one row 0.07 ms (measured, `bench/serving.py`'s model)."""
ASK_WITH_TOKEN = (("www-authenticate", "Bearer"),)


class Callers:
    """Of one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._bearers = Bearers(settings.tokens, Keys(settings.tokens)) if settings.tokens else None
        self._proxies = frozenset(settings.mesh.proxies if settings.mesh else ())
        self._inside = frozenset(settings.mesh.callers if settings.mesh else ())
        self._gateways = frozenset(settings.mesh.gateways if settings.mesh else ())
        self._rate = Rate(settings.limits.per_second, settings.limits.burst)
        strangers = settings.limits.unknown_per_second
        self._strangers = Rate(strangers, strangers)

    def at_once(self, authorization: list[str], certificates: list[str], peer: str) -> str | None:
        """`token:SUBJECT` or a SPIFFE id; of the values of the two headers, and the IP address of who is connected.
        None for a token that has to be looked at, see `verified`.

        Who brings a token is judged by it alone. Raises Wrong (401, 403; 429 for who is not known and too many).
        """
        try:
            if not authorization:
                return self._by_mesh(certificates, peer)
            if self._bearers is None or len(authorization) > 1:
                raise Wrong(401, "token", "there are two tokens" if self._bearers else "no token is taken here")
        except Wrong:
            self._strangers.take(peer)
            raise
        if (subject := self._bearers.remembered(authorization[0])) is None:
            self._strangers.take(peer)  # at once: while a token is looked at, the next ones come
            return None
        return f"token:{subject}"

    async def verified(self, authorization: str, peer: str) -> str:
        """The caller of a token, which may wait for the provider's keys. Raises Wrong (401, 403, 429, 503)."""
        assert self._bearers
        try:
            caller = f"token:{await self._bearers.caller(authorization)}"
        except Wrong as wrong:
            if wrong.status == 503:  # which is no fault of his
                self._strangers.give(peer)
            raise
        self._strangers.give(peer)
        return caller

    def take(self, caller: str) -> None:
        """One request of who is known. Raises Wrong (429)."""
        self._rate.take(caller)

    def read(self, caller: str, size: int) -> None:
        """So long a body is to be read. Raises Wrong (429) where he owes work already."""
        if much := size // WORK_BYTES:
            self._rate.work(caller, much)

    def asked(self, caller: str, rows: int) -> None:
        """So many rows were in it. Raises nothing: it is half done."""
        if much := rows // WORK_ROWS:
            self._rate.work(caller, much, begun=True)

    def _by_mesh(self, certificates: list[str], peer: str) -> str:
        # Anyone can write the header; it counts from the proxy, which writes it anew.
        if not self._proxies or not certificates or peer not in self._proxies:
            raise Wrong(401, "caller", "it is not known who calls", headers=ASK_WITH_TOKEN if self._bearers else ())
        found = mesh.caller(",".join(certificates))
        if found in self._gateways:
            raise Wrong(401, "token", "who comes through the gateway brings a token", headers=ASK_WITH_TOKEN)
        if found not in self._inside or found is None:
            raise Wrong(403, "caller", "this caller may not ask this model")
        return found
