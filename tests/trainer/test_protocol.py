"""docs/protocol.md is true: its examples are messages, its client is a trainer. Usage: test_protocol.py PARSE_LINES"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # noqa: E402
from peer import Peer  # noqa: E402

with open(os.path.join(HERE, "..", "..", "docs", "protocol.md"), encoding="utf-8") as page:
    PAGE = page.read()
LINES = [line for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
CLIENT = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)


def test_every_example_is_a_message_that_reads_back_equal(_):
    out = subprocess.run(sys.argv[1:], input="\n".join(LINES) + "\n", capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    back = out.stdout.splitlines()
    assert len(back) == len(LINES)
    for line, again in zip(LINES, back):
        want = {key: value for key, value in json.loads(line).items() if value not in (False, 0)}
        assert json.loads(again) == want, (line, again)


def test_every_type_and_key_has_an_example(_):
    messages = [json.loads(line) for line in LINES]
    assert {m["type"] for m in messages} == set("hello start report save saved load loaded fork go pause stop done error".split())
    keys = {key for m in messages for key in m} | {"way"}
    with open(os.path.join(HERE, "..", "..", "src", "wire", "field.c"), encoding="utf-8") as source:
        known = set(re.findall(r'  X\([A-Z_]+, "([a-z_]+)"', source.read()))
    assert known and keys == known | {"type"}, keys ^ (known | {"type"})


def test_the_client_of_the_page_trains(directory):
    peer = Peer([sys.executable, "-c", CLIENT], directory)
    start = {"values": {"lr": 0.5}, "seed": 3}
    try:
        peer.run()
        peer.accept()
        assert peer.read() == {"type": "hello", "token": "7f3a9c", "protocol": 1}
        peer.send("start", **start)
        assert peer.read() == {"type": "report", "ordinal": 1, "step": 1, "metrics": {"accuracy": 0.5}}
        peer.send("go", values={"lr": 0.25})
        assert peer.read()["metrics"] == {"accuracy": 0.875}
        peer.vanish()
        peer.listen()
        peer.accept()
        assert peer.read()["type"] == "hello"
        peer.send("start", reports=1, **start)
        assert peer.read() == {"type": "report", "ordinal": 2, "step": 2, "metrics": {"accuracy": 0.875}}
        peer.send("go")
        assert peer.read()["ordinal"] == 3
        peer.send("go")
        assert peer.read() == {"type": "done"}
        peer.send("go")
        peer.ends(0)
        peer.run()
        peer.accept()
        peer.read()
        peer.send("start", **start)
        assert peer.read()["ordinal"] == 1
        peer.send("stop")
        peer.ends(76)
    finally:
        peer.close()


if __name__ == "__main__":
    tap.run(dict(globals()))
