"""Our health checks in a real Lua 5.1, with no more of its library than Argo CD gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.render.argocd import health_checks

_LIBRARY = """
assert error getmetatable ipairs next pairs pcall rawequal rawget rawset select setmetatable
tonumber tostring type unpack xpcall table
"""
"""What is there without `health.lua.useOpenLibs`: no `string`, no `math` (argo-cd v3.5.1, util/lua/lua.go)."""


def judge(check: str, item: Mapping[str, Any]) -> dict[str, str]:
    """What a check says of an object."""
    from lupa.lua51 import LuaRuntime

    runtime = LuaRuntime(register_eval=False, register_builtins=False)
    run = runtime.eval(
        """function(check, obj, library)
          getmetatable("").__index = nil -- methods of text come with the library `string`
          local names = { obj = obj }
          for name in string.gmatch(library, "%S+") do names[name] = _G[name] end
          return setfenv(assert(loadstring(check)), names)()
        end"""
    )
    return dict(run(check, runtime.table_from(item, recursive=True), _LIBRARY))


def check_of(kind: str) -> str:
    """Our check for a kind."""
    return next(check["check"] for check in health_checks() if check["kind"] == kind)
