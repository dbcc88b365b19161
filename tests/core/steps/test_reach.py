"""What a function reaches: every change that may change what it makes, and none that cannot."""

import linecache
import sys
import types

import pytest

from trimaran.core.steps import Watch, fingerprint, standing


@pytest.fixture
def parts(monkeypatch):
    """Return the parts, and the reasons against serving, of the step ``s`` in a text, beside a module ``hm`` of another."""

    def found(text, beside=None):
        linecache.clearcache()
        for name, source in (("hm", beside or ""), ("adv", f"import trimaran as tm\n{text}")):
            module = types.ModuleType(name)
            module.__file__ = f"/nowhere/{name}.py"
            monkeypatch.setitem(sys.modules, name, module)
            exec(compile(source, module.__file__, "exec"), vars(module))
        made = fingerprint(sys.modules["adv"].s)
        return {name: part.digest for name, part in made.parts.items()}, made.uncached

    return found


S = "@tm.step\ndef s():\n    return "

CHANGES = {
    "lambda const": ("f=lambda x: x+1\n" + S + "f(1)", "f=lambda x: x+2\n" + S + "f(1)"),
    "two lambdas one line": (
        "f,g=(lambda x: x+1),(lambda x: x+2)\n" + S + "f(1)+g(2)",
        "f,g=(lambda x: x+1),(lambda x: x+3)\n" + S + "f(1)+g(2)",
    ),
    "swap lambdas": (
        "f,g=(lambda x: x+1),(lambda x: x+2)\n" + S + "f(1)*g(2)",
        "g,f=(lambda x: x+1),(lambda x: x+2)\n" + S + "f(1)*g(2)",
    ),
    "generator helper": ("def g():\n    yield 1\n" + S + "list(g())", "def g():\n    yield 2\n" + S + "list(g())"),
    "async helper": (
        "import asyncio\nasync def g():\n    return 1\n" + S + "asyncio.run(g())",
        "import asyncio\nasync def g():\n    return 2\n" + S + "asyncio.run(g())",
    ),
    "nested class": (
        "def mk():\n    class C:\n        x=1\n    return C\n" + S + "mk().x",
        "def mk():\n    class C:\n        x=2\n    return C\n" + S + "mk().x",
    ),
    "property": (
        "class C:\n    @property\n    def v(self): return 1\n" + S + "C().v",
        "class C:\n    @property\n    def v(self): return 2\n" + S + "C().v",
    ),
    "classmethod": (
        "class C:\n    @classmethod\n    def v(cls): return 1\n" + S + "C.v()",
        "class C:\n    @classmethod\n    def v(cls): return 2\n" + S + "C.v()",
    ),
    "enum": (
        "from enum import Enum\nclass E(Enum):\n    A=1\n" + S + "E.A.value",
        "from enum import Enum\nclass E(Enum):\n    A=2\n" + S + "E.A.value",
    ),
    "lru_cache": (
        "from functools import lru_cache\n@lru_cache\ndef f(): return 1\n" + S + "f()",
        "from functools import lru_cache\n@lru_cache\ndef f(): return 2\n" + S + "f()",
    ),
    "wraps": (
        "from functools import wraps\ndef d(f):\n    @wraps(f)\n    def w(): return f()+1\n    return w\n@d\ndef f(): return 1\n"
        + S
        + "f()",
        "from functools import wraps\ndef d(f):\n    @wraps(f)\n    def w(): return f()+2\n    return w\n@d\ndef f(): return 1\n"
        + S
        + "f()",
    ),
    "wraps inner": (
        "from functools import wraps\ndef d(f):\n    @wraps(f)\n    def w(): return f()+1\n    return w\n@d\ndef f(): return 1\n"
        + S
        + "f()",
        "from functools import wraps\ndef d(f):\n    @wraps(f)\n    def w(): return f()+1\n    return w\n@d\ndef f(): return 2\n"
        + S
        + "f()",
    ),
    "singledispatch": (
        "from functools import singledispatch\n@singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: int): return 2\n"
        + S
        + "f(1)",
        "from functools import singledispatch\n@singledispatch\ndef f(x): return 1\n@f.register\ndef _(x: int): return 3\n"
        + S
        + "f(1)",
    ),
    "recursion": (
        "def f(n): return 1 if n<1 else f(n-1)\n" + S + "f(3)",
        "def f(n): return 2 if n<1 else f(n-1)\n" + S + "f(3)",
    ),
    "mutual": (
        "def f(n): return g(n)\ndef g(n): return 1 if n<1 else f(n-1)\n" + S + "f(3)",
        "def f(n): return g(n)\ndef g(n): return 2 if n<1 else f(n-1)\n" + S + "f(3)",
    ),
    "regex": ("import re\nR=re.compile('a')\n" + S + "R.match('a')", "import re\nR=re.compile('b')\n" + S + "R.match('a')"),
    "numpy const": (
        "import numpy as np\nA=np.arange(3)\n" + S + "A.sum()",
        "import numpy as np\nA=np.arange(4)\n" + S + "A.sum()",
    ),
    "polars const": (
        "import polars as pl\nA=pl.DataFrame({'x':[1]})\n" + S + "A",
        "import polars as pl\nA=pl.DataFrame({'x':[2]})\n" + S + "A",
    ),
    "polars expr": ("import polars as pl\nE=pl.col('x')*2\n" + S + "E", "import polars as pl\nE=pl.col('x')*3\n" + S + "E"),
    "sklearn estimator const": (
        "from sklearn.linear_model import Ridge\nM=Ridge(alpha=1)\n" + S + "M",
        "from sklearn.linear_model import Ridge\nM=Ridge(alpha=2)\n" + S + "M",
    ),
    "date const": (
        "import datetime as d\nD=d.date(2020,1,1)\n" + S + "D",
        "import datetime as d\nD=d.date(2020,1,2)\n" + S + "D",
    ),
    "decimal": (
        "from decimal import Decimal\nD=Decimal('1.1')\n" + S + "D",
        "from decimal import Decimal\nD=Decimal('1.2')\n" + S + "D",
    ),
    "namedtuple": (
        "from collections import namedtuple\nP=namedtuple('P','a b')\nV=P(1,2)\n" + S + "V",
        "from collections import namedtuple\nP=namedtuple('P','a b')\nV=P(1,3)\n" + S + "V",
    ),
    "defaultdict factory": (
        "from collections import defaultdict\nV=defaultdict(int,{'a':1})\n" + S + "V",
        "from collections import defaultdict\nV=defaultdict(int,{'a':2})\n" + S + "V",
    ),
    "msgspec struct": (
        "import msgspec\nclass P(msgspec.Struct):\n    a: int = 1\n" + S + "P()",
        "import msgspec\nclass P(msgspec.Struct):\n    a: int = 2\n" + S + "P()",
    ),
    "attr of instance w method": (
        "class C:\n    def __init__(self): self.k=1\n    def f(self): return helper(self.k)\ndef helper(x): return x\nc=C()\n"
        + S
        + "c.f()",
        "class C:\n    def __init__(self): self.k=1\n    def f(self): return helper(self.k)\ndef helper(x): return x+1\nc=C()\n"
        + S
        + "c.f()",
    ),
    "metaclass": (
        "class M(type):\n    def __call__(cls): return 1\nclass C(metaclass=M): pass\n" + S + "C()",
        "class M(type):\n    def __call__(cls): return 2\nclass C(metaclass=M): pass\n" + S + "C()",
    ),
    "map builtin w fn": ("def f(x): return x\n" + S + "list(map(f,[1]))", "def f(x): return -x\n" + S + "list(map(f,[1]))"),
    "step calls step": ("@tm.step\ndef a(): return 1\n" + S + "a()", "@tm.step\ndef a(): return 2\n" + S + "a()"),
    "global set": ("G=[1]\n" + S + "G", "G=[2]\n" + S + "G"),
    "bool vs int": ("G=1\n" + S + "G", "G=True\n" + S + "G"),
    "dict order": ("G={'a':1,'b':2}\n" + S + "list(G)", "G={'b':2,'a':1}\n" + S + "list(G)"),
    "str format const": (S + "f'{1}a'", S + "f'{1}b'"),
    "op change": (S + "1+int('2')", S + "1-int('2')"),
    "comparison": (S + "int('1')<2", S + "int('1')<=2"),
    "kw names": (S + "dict(a=1)", S + "dict(b=1)"),
    "global stmt class attr": (
        "class K:\n    v=1\ndef f(): return K.v\n" + S + "f()",
        "class K:\n    v=2\ndef f(): return K.v\n" + S + "f()",
    ),
    "partialmethod": (
        "from functools import partialmethod\nclass K:\n    def g(self,x): return x\n    h=partialmethod(g,1)\n"
        + S
        + "K().h()",
        "from functools import partialmethod\nclass K:\n    def g(self,x): return x\n    h=partialmethod(g,2)\n"
        + S
        + "K().h()",
    ),
    "slots": (
        "class K:\n    __slots__=('a',)\n    def __init__(self): self.a=1\nk=K()\n" + S + "k.a",
        "class K:\n    __slots__=('a',)\n    def __init__(self): self.a=2\nk=K()\n" + S + "k.a",
    ),
    "cycle": ("L=[1]\nL.append(L)\n" + S + "L", "L=[2]\nL.append(L)\n" + S + "L"),
    "iterator const": ("I=iter([1,2])\n" + S + "next(I)", "I=iter([1,3])\n" + S + "next(I)"),
    "walrus comp": (
        "def f(x): return x\n" + S + "[y for x in [1] if (y:=f(x))]",
        "def f(x): return x+1\n" + S + "[y for x in [1] if (y:=f(x))]",
    ),
    "match": (
        "def f(x): return x\n@tm.step\ndef s():\n    match f(1):\n        case 1: return 2\n",
        "def f(x): return x\n@tm.step\ndef s():\n    match f(1):\n        case 1: return 3\n",
    ),
    "try except": (
        "@tm.step\ndef s():\n    try:\n        return int('a')\n    except ValueError:\n        return 1\n",
        "@tm.step\ndef s():\n    try:\n        return int('a')\n    except TypeError:\n        return 1\n",
    ),
    "eval": ("def f(): return 1\n" + S + "eval('f()')", "def f(): return 2\n" + S + "eval('f()')"),
}

BESIDE = {
    "dict of modules": ("import hm\nT={'h':hm}\n" + S + "T['h'].f()", "def f(): return 1", "def f(): return 2"),
    "module alias local": (
        "import hm\n@tm.step\ndef s():\n    m=hm\n    return m.f()",
        "def f(): return 1",
        "def f(): return 2",
    ),
    "from import in fn as": (
        "@tm.step\ndef s():\n    from hm import f as q\n    return q()",
        "def f(): return 1",
        "def f(): return 2",
    ),
    "import in fn": ("@tm.step\ndef s():\n    import hm\n    return hm.f()", "def f(): return 1", "def f(): return 2"),
    "import as in fn": (
        "@tm.step\ndef s():\n    import hm as q\n    return q.f()",
        "def f(): return 1",
        "def f(): return 2",
    ),
    "import in nested fn": (
        "@tm.step\ndef s():\n    def g():\n        import hm\n        return hm.f()\n    return g()",
        "def f(): return 1",
        "def f(): return 2",
    ),
    "import used in nested fn (deref)": (
        "@tm.step\ndef s():\n    import hm\n    return [hm.f() for _ in [1]]",
        "def f(): return 1",
        "def f(): return 2",
    ),
    "import const in fn": ("@tm.step\ndef s():\n    import hm\n    return hm.R", "R=1", "R=2"),
    "importlib const": (
        "import importlib\n" + S + "importlib.import_module('hm').f()",
        "def f(): return 1",
        "def f(): return 2",
    ),
}

ALIKE = {
    "stable": (S + "1", S + "1"),
    "expr stable": ("import polars as pl\nE=pl.col('x')*2\n" + S + "E", "import polars as pl\nE=pl.col('x')*2\n" + S + "E"),
    "estimator stable": (
        "from sklearn.linear_model import Ridge\nM=Ridge(alpha=1)\n" + S + "M",
        "from sklearn.linear_model import Ridge\nM=Ridge(alpha=1)\n" + S + "M",
    ),
    "logger": (
        "import logging\nL=logging.getLogger('x')\n" + S + "L.info('a')",
        "import logging\nL=logging.getLogger('x')\n" + S + "L.info('a')",
    ),
    "lock stable": ("import threading\nL=threading.Lock()\n" + S + "L", "import threading\nL=threading.Lock()\n" + S + "L"),
    "set order stable": ("G={'a','b','c'}\n" + S + "G", "G={'c','b','a'}\n" + S + "G"),
}

UNSTEADY = [
    "import time\n" + S + "time.time()",
    "from time import time\n" + S + "time()",
    "import numpy as np\n" + S + "np.random.default_rng().normal()",
    "import uuid\n" + S + "uuid.uuid4()",
    "from datetime import datetime\n" + S + "datetime.now()",
    "import urllib.request\n" + S + "urllib.request.urlopen('x')",
    "import os\n" + S + "os.urandom(3)",
    "@tm.step\ndef s():\n    import datetime\n    return datetime.date.today()",
    "from datetime import datetime as dt\ndef h(): return dt.utcnow()\n" + S + "h()",
    "import pandas as pd\n" + S + "pd.Timestamp.now()",
    "import secrets\n" + S + "secrets.token_hex()",
    "import socket\n" + S + "socket.socket()",
    "import subprocess\n" + S + "subprocess.run('ls')",
]

STEADY = [
    "import random\n" + S + "random.random()",
    "import numpy as np\n" + S + "np.random.default_rng(3).normal()",
    "import time\n" + S + "time.perf_counter()",
]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_of(parts, name):
    before, after = CHANGES[name]
    assert parts(before) != parts(after)


@pytest.mark.parametrize("name", BESIDE)
def test_a_change_in_another_module_is_seen_through(parts, name):
    text, before, after = BESIDE[name]
    assert parts(text, before) != parts(text, after)


@pytest.mark.parametrize("name", ALIKE)
def test_nothing_is_seen_where_nothing_changed_of(parts, name):
    before, after = ALIKE[name]
    assert parts(before) == parts(after)


@pytest.mark.parametrize("text", UNSTEADY, ids=lambda text: text.splitlines()[-1].strip())
def test_what_is_another_each_time_is_told(parts, text):
    assert parts(text)[1]


@pytest.mark.parametrize("text", STEADY, ids=lambda text: text.splitlines()[-1].strip())
def test_what_is_the_same_each_time_is_not_told(parts, text):
    assert parts(text)[1] == ()


def test_a_function_that_was_put_in_the_place_of_another_is_seen(parts):
    text = "import hm\nhm.f = lambda: {}\n" + S + "hm.f()"
    assert parts(text.format(5), "def f(): return 1") != parts(text.format(6), "def f(): return 1")


def test_what_cannot_be_compared_is_told(parts):
    assert "cannot be compared" in parts("F = (x for x in [1])\n" + S + "F")[1][0]
    assert "by a name that only running tells" in parts("import importlib\n" + S + "importlib.import_module(chr(97))")[1][0]


def test_values_stand_on_the_code_that_functions_in_them_reach():
    def twice(number):
        return 2 * number

    def worth(number):
        return twice(number) + 1

    found = standing({"worth": {"of": worth}, "limit": 3})
    assert {"worth", "limit"} < found.parts.keys()
    assert any(name.endswith(".twice") for name in found.parts)
    assert not found.uncached
    other = standing({"worth": {"of": worth}, "limit": 4})
    assert [name for name in found.parts if found.parts[name] != other.parts[name]] == ["limit"]


def test_a_watch_within_another_leaves_it_watching(tmp_path):
    paths = [tmp_path / name for name in ("before", "within", "after")]
    for path in paths:
        path.write_text("x")
    with Watch() as outer:
        paths[0].read_text()
        with Watch() as inner:
            paths[1].read_text()
        paths[2].read_text()
    assert [*outer.read] == [str(paths[0]), str(paths[2])]
    assert [*inner.read] == [str(paths[1])]
