"""A NATS client in Python, driven by a test: one JSON command a line on stdin, one JSON answer or message a line on stdout.

The same commands, options and lines as ../go/main.go; what they mean is in ../client.ts. It knows nothing of Colloquy: it
is the stranger on the other side.
"""

import argparse
import asyncio
import base64
import importlib.metadata
import json
import ssl
import sys

import nats
from nats.errors import NoRespondersError, TimeoutError


def write(line):
    # stdout is UTF-8 JSON whatever the locale of the machine.
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    sys.stdout.buffer.flush()


def received(msg):
    line = {"subject": msg.subject, "data": base64.b64encode(msg.data).decode()}
    if msg.reply:
        line["reply"] = msg.reply
    if msg.headers:
        line["headers"] = {name: [value] for name, value in msg.headers.items()}
    return line


def data_of(command):
    return base64.b64decode(command.get("data", ""))


def headers_of(command):
    """This library knows one value a header."""
    headers = command.get("headers")
    if not headers:
        return None
    for name, values in headers.items():
        if len(values) != 1:
            raise ValueError(f"nats-py sends one value a header, {name} has {len(values)}")
    return {name: values[0] for name, values in headers.items()}


async def subscribe(nc, command, callback):
    """Flushed, so that the server knows of it before the answer is read."""
    await nc.subscribe(command["subject"], queue=command.get("queue", ""), cb=callback)
    await nc.flush()


async def request(nc, command):
    identity = command["id"]
    try:
        timeout = command["timeoutMs"] / 1000
        answer = await nc.request(command["subject"], data_of(command), timeout=timeout, headers=headers_of(command))
        write({"id": identity, "answer": received(answer)})
    except NoRespondersError:
        write({"id": identity, "error": "no responders"})
    except TimeoutError:
        write({"id": identity, "error": "timeout"})
    except Exception as error:
        write({"id": identity, "error": str(error)})


async def run(nc, command):
    do = command["do"]
    if do == "subscribe":
        identity = command["id"]

        async def on_message(msg):
            write({"subscription": identity, "message": received(msg)})

        await subscribe(nc, command, on_message)
    elif do == "serve":

        # `respond` of this library takes no headers.
        async def echo(msg):
            await nc.publish(msg.reply, msg.data, headers={"served-by": "python", **(msg.headers or {})})

        await subscribe(nc, command, echo)
    elif do == "publish":
        reply = command.get("reply", "")
        await nc.publish(command["subject"], data_of(command), reply=reply, headers=headers_of(command))
        await nc.flush()
    else:
        raise ValueError(f"unknown command {do}")


def options(arguments):
    async def ignore(_error):
        pass

    found = {"name": "interop-python", "allow_reconnect": False, "error_cb": ignore}
    for name, option in (("user", "user"), ("pass", "password"), ("token", "token"), ("nkey_seed_file", "nkeys_seed")):
        value = getattr(arguments, name)
        if value:
            found[option] = value
    if arguments.ca:
        found["tls"] = ssl.create_default_context(cafile=arguments.ca)
    return found


async def commands():
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "user", "pass", "token", "nkey-seed-file", "ca"):
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    nc = await nats.connect(arguments.url, **options(arguments))
    write({"ready": f"nats-py {importlib.metadata.version('nats-py')}"})
    requests = set()
    async for command in commands():
        if command["do"] == "drain":
            await nc.drain()
            write({"id": command["id"]})
            return
        if command["do"] == "request":
            task = asyncio.create_task(request(nc, command))
            requests.add(task)
            task.add_done_callback(requests.discard)
            continue
        try:
            await run(nc, command)
            write({"id": command["id"]})
        except Exception as error:
            write({"id": command["id"], "error": str(error)})
    await nc.close()


try:
    asyncio.run(main())
except Exception as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
