//! The messages of ONNX that a model needs, with the field numbers of `onnx.proto`.

/// `TensorProto.DataType.FLOAT`.
pub(super) const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT64`.
const INT64: i32 = 7;
/// `TensorProto.DataType.STRING`.
pub(super) const STRING: i32 = 8;
/// `TensorProto.DataType.DOUBLE`.
pub(super) const DOUBLE: i32 = 11;
/// The domain of operators of machine learning.
pub(super) const MACHINE_LEARNING: &str = "ai.onnx.ml";

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSet>,
}

impl Model {
    pub(super) fn new(graph: Graph) -> Self {
        let set = |domain: &str, version| OperatorSet {
            domain: domain.to_owned(),
            version,
        };
        Self {
            ir_version: 8,
            producer_name: "tasador".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            opset_import: vec![set("", 15), set(MACHINE_LEARNING, 3)],
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct OperatorSet {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

impl Node {
    pub(super) fn new(operator: &str, inputs: &[&str], output: &str) -> Self {
        Self {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: operator.to_owned(),
            attribute: Vec::new(),
            domain: String::new(),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, optional, tag = "3")]
    i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    s: Option<Vec<u8>>,
    #[prost(float, repeated, tag = "7")]
    floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    strings: Vec<Vec<u8>>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

impl Attribute {
    fn named(name: &str, kind: i32) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            ..Self::default()
        }
    }

    pub(super) fn int(name: &str, value: i64) -> Self {
        Self {
            i: Some(value),
            ..Self::named(name, 2)
        }
    }

    pub(super) fn text(name: &str, value: &str) -> Self {
        Self {
            s: Some(value.as_bytes().to_vec()),
            ..Self::named(name, 3)
        }
    }

    pub(super) fn floats(name: &str, floats: Vec<f32>) -> Self {
        Self {
            floats,
            ..Self::named(name, 6)
        }
    }

    pub(super) fn ints(name: &str, ints: Vec<i64>) -> Self {
        Self {
            ints,
            ..Self::named(name, 7)
        }
    }

    pub(super) fn texts(name: &str, values: &[&str]) -> Self {
        Self {
            strings: values.iter().map(|text| text.as_bytes().to_vec()).collect(),
            ..Self::named(name, 8)
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(double, repeated, tag = "10")]
    double_data: Vec<f64>,
}

impl Tensor {
    pub(super) fn doubles(name: &str, dims: &[i64], double_data: Vec<f64>) -> Self {
        Self {
            dims: dims.to_vec(),
            data_type: DOUBLE,
            int64_data: Vec::new(),
            name: name.to_owned(),
            double_data,
        }
    }

    pub(super) fn wholes(name: &str, dims: &[i64], int64_data: Vec<i64>) -> Self {
        Self {
            dims: dims.to_vec(),
            data_type: INT64,
            int64_data,
            name: name.to_owned(),
            double_data: Vec::new(),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<Type>,
}

impl ValueInfo {
    /// One element of a type a row, in a list or, where `is_table`, in a table of one column.
    pub(super) fn column(name: &str, element: i32, is_table: bool) -> Self {
        let rows = Dimension {
            dim_value: None,
            dim_param: Some("rows".to_owned()),
        };
        let one = Dimension {
            dim_value: Some(1),
            dim_param: None,
        };
        let mut dim = vec![rows];
        dim.extend(is_table.then_some(one));
        Self {
            name: name.to_owned(),
            kind: Some(Type {
                tensor_type: Some(TensorType {
                    elem_type: element,
                    shape: Some(Shape { dim }),
                }),
            }),
        }
    }

    /// Rows of so many numbers in double precision.
    pub(super) fn doubles(name: &str, width: i64) -> Self {
        let rows = Dimension {
            dim_value: None,
            dim_param: Some("rows".to_owned()),
        };
        let width = Dimension {
            dim_value: Some(width),
            dim_param: None,
        };
        Self {
            name: name.to_owned(),
            kind: Some(Type {
                tensor_type: Some(TensorType {
                    elem_type: DOUBLE,
                    shape: Some(Shape {
                        dim: vec![rows, width],
                    }),
                }),
            }),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Type {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    dim_param: Option<String>,
}
