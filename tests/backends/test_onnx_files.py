"""ONNX models that others wrote: one matrix or one input a column, any numbers, rewritten to answer the same."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from trimaran.backends.onnx_files import OnnxFile
from trimaran.backends.onnx_format import OnnxFormat
from trimaran.core.errors import InputError
from trimaran.core.tasks import Number, OneOf, YesOrNo

NAMES = ["far", "gust", "load"]
ROWS = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
YES = (ROWS[:, 1] > 0).astype(int)
THREE = np.digitize(ROWS[:, 1], [-0.5, 0.5])


def graph(nodes, inputs, outputs, held=()):
    made = helper.make_graph(nodes, "g", inputs, outputs, list(held))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def both(model, task):
    file = OnnxFile(model.SerializeToString())
    output = file.output(ROWS, NAMES, task)
    return file.scorer(NAMES, output)(ROWS), OnnxFormat().load(file.rewritten(NAMES, output))(ROWS)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("labels", [YES, THREE])
def test_a_classifier_of_scikit_learn_answers_the_same_with_its_dictionaries_and_without(zipped, labels):
    model = LogisticRegression().fit(ROWS, labels)
    made = to_onnx(model, ROWS[:1], options={"zipmap": zipped})
    task = YesOrNo() if labels is YES else OneOf(("a", "b", "c"))
    first, second = both(made, task)
    expected = model.predict_proba(ROWS)
    expected = expected[:, 1] if labels is YES else expected
    assert np.allclose(first, expected, atol=1e-6)
    assert np.array_equal(first, second)


def test_a_regressor_of_doubles_answers_the_same():
    model = LinearRegression().fit(ROWS, ROWS[:, 0] * 2 + 1)
    first, second = both(to_onnx(model, ROWS[:1].astype(np.float64)), Number())
    assert np.allclose(first, model.predict(ROWS), atol=1e-5)
    assert np.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("shape", [[None, 1], [None]])
def test_one_input_a_column_is_given_by_name_whatever_the_order(shape):
    nodes = [
        helper.make_node("Cast", ["load"], ["loaded"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["far", "gust"], ["apart"]),
        helper.make_node("Add", ["apart", "loaded"], ["answer"]),
    ]
    kinds = {"load": TensorProto.INT64, "far": TensorProto.FLOAT, "gust": TensorProto.FLOAT}
    made = graph(
        nodes, [value(name, kind, shape) for name, kind in kinds.items()], [value("answer", TensorProto.FLOAT, shape)]
    )
    file = OnnxFile(made.SerializeToString())
    assert (file.names, file.width, file.types["load"]) == (["load", "far", "gust"], 3, "int64")
    first, second = both(made, Number())
    assert np.allclose(first, ROWS[:, 0] - ROWS[:, 1] + ROWS[:, 2].astype(np.int64))
    assert np.array_equal(first, second)


def test_names_inside_the_model_do_not_clash_with_ours():
    nodes = [
        helper.make_node("ReduceMean", ["in", "axes"], ["features"], keepdims=1),
        helper.make_node("Sigmoid", ["features"], ["variable"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    made = graph(
        nodes, [value("in", TensorProto.FLOAT, [None, 3])], [value("variable", TensorProto.FLOAT, [None, 1])], [axes]
    )
    first, second = both(made, YesOrNo())
    assert np.allclose(first, 1 / (1 + np.exp(-ROWS.mean(axis=1))), atol=1e-6)
    assert np.array_equal(first, second)


def test_what_cannot_be_asked_with_rows_of_numbers_says_everything():
    texts = graph(
        [helper.make_node("Identity", ["name"], ["out"])],
        [
            value("name", TensorProto.STRING, [None, 1]),
            value("cube", TensorProto.FLOAT, [None, 2, 2]),
            value("fixed", TensorProto.FLOAT, [1, 1]),
        ],
        [value("out", TensorProto.STRING, [None, 1])],
    )
    with pytest.raises(InputError) as caught:
        OnnxFile(texts.SerializeToString())
    said = [str(fault) for fault in caught.value.faults]
    assert [
        any(word in one for one in said)
        for word in ("'name' is no tensor", "'cube' has 3 dim", "'fixed' takes exactly 1 rows")
    ] == [True] * 3


def test_other_shapes_are_refused_with_the_outputs_there_are():
    model = to_onnx(LogisticRegression().fit(ROWS, THREE), ROWS[:1], options={"zipmap": False})
    file = OnnxFile(model.SerializeToString())
    with pytest.raises(InputError, match=r"0 of its outputs answer 200 rows .*probabilities float32 \(200, 3\)"):
        file.output(ROWS, NAMES, YesOrNo())
    with pytest.raises(InputError, match="cannot answer 200 rows"):
        file.output(ROWS[:, :2], NAMES[:2], OneOf(("a", "b", "c")))


def test_foreign_operators_weights_elsewhere_and_other_bytes_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        foreign = graph(
            [helper.make_node("Identity", ["in"], ["out"])],
            [value("in", TensorProto.FLOAT, [None, 3])],
            [value("out", TensorProto.FLOAT, [None, 3])],
        )
    foreign.opset_import.append(helper.make_opsetid("com.evil", 1))
    with pytest.raises(InputError, match=r"operators of com\.evil"):
        OnnxFile(foreign.SerializeToString())
    for data in (b"", b"\x00" * 40, onnx.ModelProto().SerializeToString(), b"PK\x03\x04"):
        with pytest.raises(InputError):
            OnnxFile(data)
