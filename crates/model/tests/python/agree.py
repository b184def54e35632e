"""Holds a model's ONNX graph against its prices, and its contributions against `shap`.

Reads a folder with `model.onnx`, the homes as `columns.json` and, as doubles, `features` (rows x
width), `prices` (rows) and `explained` (rows x (1 + width): the mean prediction, then one
contribution for each feature).
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import shap

folder = sys.argv[1]
graph = onnx.load(f"{folder}/model.onnx")
onnx.checker.check_model(graph)
prices = np.fromfile(f"{folder}/prices")
features = np.fromfile(f"{folder}/features").reshape(len(prices), -1)
width = features.shape[1]
explained = np.fromfile(f"{folder}/explained").reshape(-1, width + 1)
with open(f"{folder}/columns.json") as file:
    columns = json.load(file)
homes = {
    entry.name: np.array(
        columns[entry.name],
        dtype=object if entry.type.tensor_type.elem_type == onnx.TensorProto.STRING else np.float64,
    )
    for entry in graph.graph.input
}

# What the graph encodes within is an output for this once.
graph.graph.output.append(
    onnx.helper.make_tensor_value_info(":features", onnx.TensorProto.DOUBLE, None)
)
graph.graph.output.append(
    onnx.helper.make_tensor_value_info(":dense", onnx.TensorProto.DOUBLE, None)
)
session = onnxruntime.InferenceSession(
    graph.SerializeToString(), providers=["CPUExecutionProvider"]
)
predicted, encoded, dense = session.run(["predicted_price", ":features", ":dense"], homes)
apart = np.where(np.isnan(features), np.isnan(encoded), np.abs(encoded - features) <= 1e-9)
assert encoded.shape == features.shape and apart.all(), np.argwhere(~apart)[:9]
assert predicted.dtype == np.float64 and predicted.shape == (len(prices), 1), predicted.shape
off = np.max(np.abs(predicted[:, 0] / prices - 1))
assert off <= 1e-4, f"onnxruntime differs by {off}"

known = {tensor.name.lstrip(":"): onnx.numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
base, parts = np.zeros(len(features)), np.zeros_like(features)
if "weights" in known:
    base += known["intercept"]
    parts += dense * known["weights"][:, 0]
nodes = [node for node in graph.graph.node if node.op_type == "TreeEnsembleRegressor"]
if nodes:
    of = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
    trees_of, ids = np.array(of["nodes_treeids"]), np.array(of["nodes_nodeids"])
    leaves = dict(zip(zip(of["target_treeids"], of["target_nodeids"]), of["target_weights"]))
    trees = []
    for tree in range(trees_of.max() + 1):
        at = np.flatnonzero(trees_of == tree)
        assert np.array_equal(ids[at], np.arange(len(at)))
        pick = lambda name: np.array(of[name])[at]
        leaf = np.array([mode == b"LEAF" for mode in of["nodes_modes"]])[at]
        left = np.where(leaf, -1, pick("nodes_truenodeids"))
        right = np.where(leaf, -1, pick("nodes_falsenodeids"))
        values = np.array([leaves.get((tree, i), 0.0) for i in ids[at]])
        trees.append(
            {
                "children_left": left,
                "children_right": right,
                "children_default": np.where(pick("nodes_missing_value_tracks_true"), left, right),
                "features": np.where(leaf, -2, pick("nodes_featureids")),
                # `shap` goes left at or below a threshold, ONNX below it.
                "thresholds": np.nextafter(pick("nodes_values").astype(np.float64), -np.inf),
                "values": values[:, None].astype(np.float64),
                "node_sample_weight": pick("nodes_hitrates").astype(np.float64),
            }
        )
    model = {"trees": trees, "base_offset": float(known["trees_base"]), "input_dtype": np.float64}
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    # Trees take the features with their gaps, except those of a forest.
    compared = features if "weights" in known else dense
    narrowed = np.clip(compared, known["least_compared"], known["most_compared"])
    narrowed = narrowed.astype(np.float32).astype(np.float64)
    parts += explainer.shap_values(narrowed, check_additivity=False).reshape(parts.shape)
    base += float(np.ravel(explainer.expected_value)[0])

apart = max(np.max(np.abs(explained[:, 0] - base)), np.max(np.abs(explained[:, 1:] - parts)))
assert apart <= 1e-4, f"shap differs by {apart}"
print(f"onnxruntime off by {off:.1e}, shap by {apart:.1e}, {len(prices)} homes")
