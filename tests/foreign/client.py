"""A client that nobody here generated: Python's grpcio, which learns the service by reflection.

Usage: client.py HOST:PORT TOKEN. Calls the example `vat` and expects its answer, then a refusal by name.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "ameide.extensions.v1.WasmExtensionRuntime"
SALE = {"sellerCountry": "DE", "customer": {"country": "DE"}, "lines": [{"net": 10000}]}


def main(server: str, token: str) -> None:
    channel = grpc.insecure_channel(server)
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName(SERVICE).FindMethodByName("InvokeExtension")
    request_class = message_factory.GetMessageClass(method.input_type)
    answer_class = message_factory.GetMessageClass(method.output_type)
    call = channel.unary_unary(
        f"/{SERVICE}/{method.name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=answer_class.FromString,
    )
    metadata = [("authorization", f"Bearer {token}")]

    answer = call(request_class(extension_id="vat", input_json=json.dumps(SALE).encode()), metadata=metadata, timeout=10)
    output = json.loads(answer.output_json)
    assert answer.error_code == "" and output["vat"] == 1900, answer
    assert answer.stats.cpu_micros > 0, answer

    invalid = call(request_class(extension_id="vat", input_json=b"{}"), metadata=metadata, timeout=10)
    assert invalid.error_code == "INVALID_INPUT", invalid

    try:
        call(request_class(extension_id="nothing", input_json=b"{}"), metadata=metadata, timeout=10)
        raise AssertionError("an unknown extension answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    print(f"grpcio {grpc.__version__} by reflection: {output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
