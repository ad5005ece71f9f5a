"""The librdkafka that confluent_kafka itself runs on, opened a second time through ctypes, with typed prototypes.

confluent_kafka does not hand the mock cluster's controls through to Python. They are exported by the very shared
library it has loaded, so opening that library again (the loader gives the same handle) reaches them without a build.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from functools import cache
from pathlib import Path

import confluent_kafka

PRODUCER = 0

# What librdkafka's variadic functions name the type of their next argument by (`rd_kafka_vtype_t` in rdkafka.h).
VTYPE_END, VTYPE_TOPIC, VTYPE_VALUE, VTYPE_HEADERS = 0, 1, 4, 10

_MOCK = "rd_kafka_mock_"
_PROTOTYPES: dict[str, tuple[type | None, list[type]]] = {
    "rd_kafka_conf_new": (c_void_p, []),
    "rd_kafka_conf_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
    "rd_kafka_conf_properties_show": (None, [c_void_p]),
    "rd_kafka_new": (c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
    "rd_kafka_destroy": (None, [c_void_p]),
    "rd_kafka_flush": (c_int, [c_void_p, c_int]),
    "rd_kafka_err2name": (c_char_p, [c_int]),
    "rd_kafka_headers_new": (c_void_p, [c_size_t]),
    "rd_kafka_header_add": (c_int, [c_void_p, c_char_p, c_ssize_t, c_char_p, c_ssize_t]),
    f"{_MOCK}cluster_new": (c_void_p, [c_void_p, c_int]),
    f"{_MOCK}cluster_destroy": (None, [c_void_p]),
    f"{_MOCK}cluster_bootstraps": (c_char_p, [c_void_p]),
    f"{_MOCK}set_controller_id": (None, [c_void_p, c_int32]),
    f"{_MOCK}group_initial_rebalance_delay_ms": (None, [c_void_p, c_int32]),
    f"{_MOCK}topic_create": (c_int, [c_void_p, c_char_p, c_int, c_int]),
    f"{_MOCK}topic_delete": (c_int, [c_void_p, c_char_p]),
    f"{_MOCK}topic_set_error": (None, [c_void_p, c_char_p, c_int]),
    f"{_MOCK}push_request_errors_array": (None, [c_void_p, c_int16, c_size_t, POINTER(c_int)]),
    f"{_MOCK}clear_request_errors": (None, [c_void_p, c_int16]),
    f"{_MOCK}partition_delete_records": (c_int, [c_void_p, c_char_p, c_int32, c_int64]),
    f"{_MOCK}partition_set_leader": (c_int, [c_void_p, c_char_p, c_int32, c_int32]),
    f"{_MOCK}broker_set_down": (c_int, [c_void_p, c_int32]),
    f"{_MOCK}broker_set_up": (c_int, [c_void_p, c_int32]),
    f"{_MOCK}broker_set_rtt": (c_int, [c_void_p, c_int32, c_int]),
    f"{_MOCK}coordinator_set": (c_int, [c_void_p, c_char_p, c_char_p, c_int32]),
    f"{_MOCK}start_request_tracking": (None, [c_void_p]),
    f"{_MOCK}get_requests": (POINTER(c_void_p), [c_void_p, POINTER(c_size_t)]),
    f"{_MOCK}request_api_key": (c_int16, [c_void_p]),
    f"{_MOCK}request_destroy_array": (None, [POINTER(c_void_p), c_size_t]),
    f"{_MOCK}clear_requests": (None, [c_void_p]),
}


@cache
def librdkafka() -> ctypes.CDLL:
    """The loaded library with argument and result types set: without them ctypes cuts pointers to 32 bits."""
    library = ctypes.CDLL(str(_path()))
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.rd_kafka_producev.restype = c_int  # variadic: every argument is wrapped by its caller
    library.rd_kafka_mock_partition_push_request_errors.restype = c_int  # variadic too
    return library


def new_client(kind: int, config: dict[str, str]) -> int:
    """A raw librdkafka handle; give it to `rd_kafka_destroy` in the end."""
    library, error = librdkafka(), ctypes.create_string_buffer(512)
    conf = library.rd_kafka_conf_new()
    for name, value in config.items():
        if library.rd_kafka_conf_set(conf, name.encode(), value.encode(), error, len(error)) != 0:
            raise ValueError(error.value.decode())
    handle = library.rd_kafka_new(kind, conf, error, len(error))
    if not handle:
        raise RuntimeError(error.value.decode())
    return int(handle)


def check(code: int) -> None:
    """Raise on any answer of a `rd_kafka_resp_err_t` function but 0.

    Raises:
        RuntimeError: with librdkafka's name of the error.
    """
    if code:
        raise RuntimeError(librdkafka().rd_kafka_err2name(code).decode())


def _path() -> Path:
    """Where the library lies: mapped into this process (Linux), or bundled beside the package (macOS wheels)."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        mapped = [line.split(maxsplit=5)[5] for line in maps.read_text().splitlines() if "librdkafka" in line]
        if mapped:
            return Path(mapped[0])
    package = Path(confluent_kafka.__file__).parent
    bundled = [*package.glob(".dylibs/librdkafka*"), *package.parent.glob("confluent_kafka.libs/librdkafka*")]
    if bundled:
        return bundled[0]
    raise FileNotFoundError("no librdkafka shared library is loaded in this process or bundled with confluent_kafka")
