"""A real YAML language server, asked over its protocol what it completes."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

CURSOR = "|"
_HOLE = re.compile(r"\$\d+|\$\{\d+\}")
_FILLED = re.compile(r"\$\{\d+:((?:[^}\\]|\\.)*)\}")


class Offer(NamedTuple):
    """What is offered, and what it inserts; `waits`: the person has to fill something in."""

    label: str
    text: str
    waits: bool


class LanguageServer:
    """Runs until it is closed. Schemas are named by the first line of each file, as people do it."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            ["node", program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._numbers = itertools.count(1)
        wants = {"completion": {"completionItem": {"snippetSupport": True}}}
        capabilities = {"textDocument": wants, "workspace": {"configuration": True}}
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._tell("initialized", {})

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate()

    def offers(self, file: Path, text: str) -> list[Offer]:
        """What is offered where the mark stands in a text, which needs not be what the file holds."""
        before, _, after = text.partition(CURSOR)
        uri, line = file.as_uri(), before.count("\n")
        place = {"line": line, "character": len(before) - before.rfind("\n") - 1}
        document = {"uri": uri, "languageId": "yaml", "version": next(self._numbers), "text": before + after}
        self._tell("textDocument/didOpen", {"textDocument": document})
        for _ in range(50):  # it reads the configuration and the schema in its own time
            found = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
            items = found["items"] if isinstance(found, dict) else found or []
            if items:
                return [_offer(item, before) for item in items]
            time.sleep(0.1)
        return []

    def _tell(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        body = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.startswith(b"Content-Length: "):
                length = int(line.split()[1])
        return json.loads(self._process.stdout.read(length))

    def _ask(self, method: str, params: Any) -> Any:
        number = next(self._numbers)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                return message.get("result")
            if "id" in message:  # it asks for its configuration
                settings = {"completion": True, "validate": False, "schemaStore": {"enable": False}}
                asked = message["params"].get("items", ()) if message["method"] == "workspace/configuration" else ()
                result = [settings if item.get("section") == "yaml" else {} for item in asked] or None
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})


def _offer(item: Any, before: str) -> Offer:
    """The text as an editor inserts it: indented like its line, with what stands in the holes."""
    written = str((item.get("textEdit") or {}).get("newText") or item.get("insertText") or item["label"])
    indent = " " * (len(before) - before.rfind("\n") - 1) if not before.rpartition("\n")[2].strip() else ""
    text = _FILLED.sub(lambda match: match[1].replace("\\", ""), _HOLE.sub("", written))
    waits = (
        bool(_HOLE.search(written))
        or written.rstrip(" ").endswith((":", ":\n", "- "))
        or written.endswith(("\n  ", "- "))
    )
    return Offer(str(item["label"]), text.replace("\n", f"\n{indent}"), waits)
