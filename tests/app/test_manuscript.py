"""The text of a product, from files, notebook cells and functions: it is whole, it loads again, and it holds no acts."""

import importlib.util
import linecache
from itertools import count

import polars as pl
import pytest

import trimaran as tm
from trimaran.app.loading import load_product
from trimaran.app.manuscript import manuscript
from trimaran.core.errors import InputError

PARTS = {
    "start": 'import trimaran as tm\nproduct = tm.Product("punctual", owner="ops", predict_at="planned")',
    "tables": 'trips = product.table("trips.parquet", key="trip", time="planned")',
    "feature": "@product.feature(trips)\ndef gust(wind):\n    return stronger(wind)  # the author's words stay",
    "label": "@product.label(trips)\ndef is_late(wind):\n    return wind > LIMIT",
    "model": "@product.model()\ndef fit(X, y):\n    raise ValueError",
    "accept": 'product.accept(out_of_time="10d", auc=">= 0.6")',
}
NEEDED = {"constant": "LIMIT = 15", "function": "def stronger(wind):\n    return wind * FACTOR", "inner": "FACTOR = 2"}
FILE = "\n\n\n".join([*NEEDED.values(), *PARTS.values()]) + "\n"
numbers = count()


@pytest.fixture(autouse=True)
def data(tmp_path):
    moments = pl.Series("planned", [0], pl.Datetime("us", "UTC"))
    pl.DataFrame({"trip": ["a"], "wind": [1.0]}).with_columns(moments).write_parquet(tmp_path / "trips.parquet")
    return tmp_path


def imported(folder, text):
    path = folder / f"product_file_{next(numbers)}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(f"authored_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(*cells):
    """Run cells as IPython does: each is known to the line cache by a name of its own, all that were run are ``In``."""
    names = {"__name__": "__main__", "In": [""]}
    for cell in cells:
        names["In"].append(cell)
        name = f"<ipython-input-{next(numbers)}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        try:
            code = compile(cell, name, "exec")
        except SyntaxError:
            continue
        exec(code, names)
    return names


def text_of(product):
    return manuscript(product.name, product._birth)


def assert_whole(text, folder, features=("gust",)):
    definition = load_product(text, root=folder).definition
    assert definition.name == "punctual"
    assert [part.name for part in definition.features] == list(features)


def test_a_file_that_says_nothing_else_is_the_text_word_for_word(data):
    module = imported(data, '"""About the file."""\n# a remark\n' + FILE)
    assert text_of(module.product) == '"""About the file."""\n# a remark\n' + FILE


def test_an_act_under_the_main_guard_leaves_the_file_as_it_is(data):
    text = FILE + 'if __name__ == "__main__":\n    product.run()\n'
    assert text_of(imported(data, text).product) == text


@pytest.mark.parametrize("act", ["print(product.name)", "found = product.name", "for _ in product.name:\n    pass"])
def test_acts_of_a_file_are_no_part_of_the_text(data, act):
    text = text_of(imported(data, f"{FILE}\n\n{act}\n").product)
    assert "product.name" not in text
    assert "# the author's words stay" in text
    assert_whole(text, data)


def test_each_of_two_products_in_a_file_has_its_own_text(data):
    other = FILE.replace("product", "second").replace('"punctual"', '"other"').replace("import trimaran as tm\n", "")
    module = imported(data, FILE + other)
    text = text_of(module.product)
    assert "second" not in text
    assert_whole(text, data)
    assert load_product(text_of(module.second), root=data).definition.name == "other"


def test_cells_that_make_the_product_are_its_text_and_others_are_not(data):
    names = notebook(*NEEDED.values(), "%matplotlib inline", "secret = 1 / 1", *PARTS.values(), "print(product.name)")
    text = text_of(names["product"])
    assert "secret" not in text
    assert "print" not in text
    assert_whole(text, data)


def test_a_notebook_that_was_run_again_counts_as_it_was_run_last(data):
    second = {**PARTS, "feature": PARTS["feature"].replace("gust", "squall")}
    names = notebook(*NEEDED.values(), *PARTS.values(), "LIMIT = 20", *second.values(), "import trimaran as tm")
    text = text_of(names["product"])
    assert "LIMIT = 20" in text
    assert "LIMIT = 15" not in text
    assert_whole(text, data, features=("squall",))


def test_a_function_that_makes_a_product_gives_its_body(data):
    body = FILE.replace("import trimaran as tm\n", "").replace("\n", "\n    ")
    module = imported(data, f"import trimaran as tm\n\n\ndef make():\n    {body}\n    return product\n\n\nkept = make()\n")
    text = text_of(module.kept)
    assert "make" not in text
    assert_whole(text, data)


def test_a_product_that_depends_on_arguments_says_which(data):
    module = imported(
        data,
        'import trimaran as tm\n\ndef make(name):\n    it = tm.Product(name, owner="me", predict_at="t")\n    return it\n',
    )
    with pytest.raises(InputError, match=r"it depends on name, which make\(\) is given; put it into a file of its own"):
        text_of(module.make("punctual"))


def test_a_product_made_where_no_text_is_kept_says_so():
    names = {"tm": tm, "__name__": "__main__"}
    exec('product = tm.Product("punctual", owner="me", predict_at="t")', names)
    with pytest.raises(InputError, match="whose text is kept nowhere; put it into a file of its own"):
        text_of(names["product"])


def test_a_product_that_is_given_no_name_says_so(data):
    module = imported(data, 'import trimaran as tm\nheld = {"it": tm.Product("p", owner="me", predict_at="t")}\n')
    with pytest.raises(InputError, match="it is not assigned to a name"):
        text_of(module.held["it"])


def test_a_function_shadows_what_a_module_calls_the_same(data):
    helper = "def stronger(wind):\n    heavy = wind * 2\n    return heavy"
    text = text_of(imported(data, f"{FILE}\n\nheavy = sum(range(9))\n\n\n{helper}\n\nprint(product.name)\n").product)
    assert "sum(range(9))" not in text
    assert_whole(text, data)
