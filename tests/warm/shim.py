"""Stands for a Python interpreter: asks one that has imported already for a fork, and is that to whoever started it.

It is started with `-S -I` and imports what is built in alone, so that its own start takes a hundredth of a second.
"""

import _signal
import _socket
import marshal
import posix
import sys

PATIENCE = 0.5
"""Seconds after which it looks whether who started it is still there."""


def main(address, interpreter, *arguments):
    """`interpreter` is for what it does not stand for: neither a module nor a program."""
    if arguments[:2] != ("-P", "-m") and arguments[:1] != ("-u",):
        posix.execv(interpreter, [interpreter, *arguments])
    parent = posix.getppid()
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(address)
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, lambda number, _: connection.send(bytes([number])))
    asked = marshal.dumps((list(arguments), posix.getcwd(), dict(posix.environ)))
    descriptors = b"".join(one.to_bytes(4, sys.byteorder) for one in (0, 1, 2))
    head = len(asked).to_bytes(4, "big")
    connection.sendmsg([head], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
    connection.sendall(asked)
    connection.settimeout(PATIENCE)
    while True:
        try:
            told = connection.recv(2)
            break
        except TimeoutError:
            if posix.getppid() != parent:
                posix._exit(1)  # the fork is ended, since nobody listens
    if len(told) != 2:
        sys.stderr.write("the process that had imported what a test needs has ended\n")
        posix._exit(1)
    status, ended_by = told
    if ended_by:
        _signal.signal(ended_by, _signal.SIG_DFL) if ended_by != _signal.SIGKILL else None
        posix.kill(posix.getpid(), ended_by)
    posix._exit(status)


main(*sys.argv[1:])
