"""The few messages of the gRPC inference protocol that a call needs, written and read in protobuf's wire format.

They are small and fixed (kserve, docs/predict-api/v2/grpc_predict_v2.proto), so that neither generated code nor a protobuf
library has to come along.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from modelfleet.smoke.sample import SAMPLE_TEXT, TensorFacts

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_CONTENTS = {
    "BOOL": 1,
    **dict.fromkeys(("INT8", "INT16", "INT32"), 2),
    "INT64": 3,
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), 4),
    "UINT64": 5,
    "FP32": 6,
    "FP64": 7,
    "BYTES": 8,
}
"""The field of the contents that holds values of a type."""

_WIDTH = {"FP32": 4, "FP64": 8}


def model_request(name: str) -> bytes:
    """ModelReadyRequest and ModelMetadataRequest: the name of the model."""
    return _field(1, name.encode())


def infer_message(name: str, tensors: Sequence[TensorFacts]) -> bytes | None:
    """ModelInferRequest with zeros in every input; None where a type has no place in it (FP16)."""
    whole = _field(1, name.encode())
    for tensor in tensors:
        if tensor.datatype not in _CONTENTS:
            return None
        shape = b"".join(_varint(size) for size in tensor.filled)
        zeros = bytes(_WIDTH.get(tensor.datatype, 1) * tensor.elements)
        number = _CONTENTS[tensor.datatype]
        contents = _field(number, SAMPLE_TEXT.encode()) * tensor.elements if number == 8 else _field(number, zeros)
        told = (_field(1, tensor.name.encode()), _field(2, tensor.datatype.encode()), _field(3, shape))
        whole += _field(5, b"".join((*told, _field(5, contents))))
    return whole


def is_ready(answer: bytes) -> bool:
    """ModelReadyResponse."""
    return any(number == 1 and value == 1 for number, value in _fields(answer))


def metadata_inputs(answer: bytes) -> list[TensorFacts]:
    """The inputs that a ModelMetadataResponse names."""
    return [_tensor(value) for number, value in _fields(answer) if number == 4 and isinstance(value, bytes)]


def count_outputs(answer: bytes) -> int:
    """How many outputs a ModelInferResponse holds."""
    return sum(number == 5 for number, _ in _fields(answer))


def _tensor(content: bytes) -> TensorFacts:
    name, datatype, shape = "", "", list[int]()
    for number, value in _fields(content):
        if number == 1 and isinstance(value, bytes):
            name = value.decode("utf-8", "replace")
        elif number == 2 and isinstance(value, bytes):
            datatype = value.decode("utf-8", "replace")
        elif number == 3:
            shape += [value] if isinstance(value, int) else _packed(value)
    return TensorFacts(name, datatype, tuple(size - (1 << 64) if size >= 1 << 63 else size for size in shape))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _packed(content: bytes) -> list[int]:
    found, place = [], 0
    while place < len(content):
        value, place = _read_varint(content, place)
        found.append(value)
    return found


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message. Raises `ValueError` where it is none."""
    place = 0
    while place < len(content):
        key, place = _read_varint(content, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _read_varint(content, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, place = _read_varint(content, place)
        elif kind in (_FIXED64, _FIXED32):
            size = struct.calcsize("<q" if kind == _FIXED64 else "<i")
        else:
            message = "not a protobuf message"
            raise ValueError(message)
        if place + size > len(content):
            message = "a truncated protobuf message"
            raise ValueError(message)
        yield key >> 3, content[place : place + size]
        place += size


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            break
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    message = "not a protobuf message"
    raise ValueError(message)
