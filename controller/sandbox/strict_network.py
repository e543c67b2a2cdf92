"""What AWS does with NAT gateways, elastic IPs and VPC endpoints that moto does not: they take their time to come and
go, hold what they use meanwhile, and are refused what cannot work.

Nothing steps them: whoever asks sees what the clock made of them (`settle`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.route_tables import Route
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.vpcs import VPCs
from moto.ec2.utils import generic_filter

from controller.sandbox.world import ApiError

if TYPE_CHECKING:
    from controller.sandbox.bridge import Backing

ADDRESSES_MAX = 5  # the quota of a fresh account and region
SHOWN = timedelta(minutes=3)  # a deleted gateway stays to be seen for about an hour, divided by 20
WORKING = ("pending", "available")


def install(current: Callable[[], Backing]) -> None:
    _nat_gateways(current)
    _routes()
    _addresses(current)
    _endpoints(current)


def before(cls: type, method: str, check: Callable[[Any], None]) -> None:
    """Run *check* before the response method *method*; it raises ApiError to refuse."""
    original = getattr(cls, method)

    def checked(self: Any) -> Any:
        check(self)
        return original(self)

    setattr(cls, method, checked)


def settle(ec2: Any, now: datetime) -> None:
    """Bring gateways and endpoints up to *now*."""
    for ident, gateway in list(ec2.nat_gateways.items()):
        if gateway.state == "pending" and now >= gateway.due:
            gateway.state = "failed" if gateway.failure_code else "available"
        elif gateway.state == "deleting" and now >= gateway.due:
            gateway.state = "deleted"
            _let_go(ec2, gateway)
        elif gateway.state == "deleted" and now >= gateway.due + SHOWN:
            del ec2.nat_gateways[ident]
    for ident, endpoint in list(ec2.vpc_end_points.items()):
        if endpoint.state == "pending" and now >= endpoint.due:
            endpoint.state = "available"
        elif endpoint.state == "deleting" and now >= endpoint.due:
            del ec2.vpc_end_points[ident]


def interfaces(ec2: Any, now: datetime) -> Iterator[tuple[list[str], list[str], bool]]:
    """(subnets, security groups, whether it has a public address) of the network interfaces of gateways and endpoints,
    and for a while those of deleted endpoints (aws.md 5.4)."""
    settle(ec2, now)
    for gateway in ec2.nat_gateways.values():
        if gateway.state not in {"deleted", "failed"}:
            yield [gateway.subnet_id], [], gateway.connectivity_type == "public"
    for endpoint in ec2.vpc_end_points.values():
        if endpoint.vpc_endpoint_type == "Interface":
            yield list(endpoint.subnet_ids), list(endpoint.security_group_ids), False
    for until, subnets, groups in ec2.__dict__.get("_lingering", []):
        if until > now:
            yield subnets, groups, False


def endpoints_of(ec2: Any, vpc: str) -> list[str]:
    return [one.id for one in ec2.vpc_end_points.values() if one.vpc_id == vpc]


def _replayed(self: Any, kind: str) -> Any:
    """What an earlier call with this client token made; None when there was none (aws.md 5.1)."""
    token = self._get_param("ClientToken")
    made = self.ec2_backend.__dict__.setdefault("_client_tokens", {}).get((kind, token)) if token else None
    if made is None:
        return None
    given, thing = made
    if given != _given(self):
        raise ApiError("IdempotentParameterMismatch", "The client token was used before, with other parameters")
    return thing


def _remember(self: Any, kind: str, thing: Any) -> None:
    if token := self._get_param("ClientToken"):
        self.ec2_backend.__dict__.setdefault("_client_tokens", {})[kind, token] = (_given(self), thing)


def _given(self: Any) -> Any:
    """As it was sent: moto makes what it keeps, and changes, out of the same lists."""
    return {name: deepcopy(one) for name, one in self._get_params().items() if name not in {"ClientToken", "Action"}}


# ------------------------------------------------------------------------------------------------ NAT gateways
def _nat_gateways(current: Callable[[], Backing]) -> None:
    def created(self: Any) -> Any:
        """Pending first; what cannot work fails later, and says why (NatGateway.FailureCode)."""
        ec2, now = self.ec2_backend, current().now()
        settle(ec2, now)
        if (found := _replayed(self, "nat")) is not None:
            return ActionResult({"NatGateway": found})
        subnet, allocation = ec2.get_subnet(self._get_param("SubnetId")), self._get_param("AllocationId")
        kind = self._get_param("ConnectivityType") or "public"
        if kind == "public" and not allocation:
            raise ApiError("MissingParameter", "The request must contain the parameter AllocationId")
        address = ec2.address_by_allocation([allocation])[0] if allocation else None
        failure = _failure(ec2, subnet.vpc_id, address) if kind == "public" else None
        specification = self._get_param("TagSpecifications", [])
        tags = {one["Key"]: one["Value"] for one in (specification[0].get("Tags", []) if specification else [])}
        gateway = ec2.create_nat_gateway(subnet.id, None if failure else allocation, tags, kind)
        gateway.address_set[0].setdefault("allocationId", allocation)
        gateway.state, gateway.due = "pending", now + current().timings.nat
        gateway.failure_code, gateway.failure_message = failure or (None, None)
        _remember(self, "nat", gateway)
        return ActionResult({"NatGateway": gateway})

    def deleted(self: Any) -> Any:
        ec2, ident = self.ec2_backend, self._get_param("NatGatewayId")
        gateway = ec2.nat_gateways.get(ident)
        if gateway is None:
            raise _no_gateway(ident)
        if gateway.state != "deleted" and gateway.state != "deleting":
            gateway.state, gateway.due = "deleting", current().now() + current().timings.nat_gone
        return ActionResult({"NatGatewayId": ident})

    def described(self: NatGatewayBackend, filters: Any, nat_gateway_ids: list[str] | None) -> list[NatGateway]:
        """By any filter; moto knows four, and passes over the others."""
        settle(self, current().now())
        missing = [one for one in nat_gateway_ids or [] if one not in self.nat_gateways]
        if missing:
            raise _no_gateway(missing[0])
        chosen = [one for one in self.nat_gateways.values() if not nat_gateway_ids or one.id in nat_gateway_ids]
        return list(generic_filter(filters, chosen))

    NatGateway.nat_gateway_id = property(lambda self: self.id)
    NatGateways.create_nat_gateway = created
    NatGateways.delete_nat_gateway = deleted
    NatGatewayBackend.describe_nat_gateways = described


def _failure(ec2: Any, vpc: str, address: Any) -> tuple[str, str] | None:
    """Why a public gateway would not come up, as AWS says it."""
    if not ec2.describe_internet_gateways(filters={"attachment.vpc-id": [vpc]}):
        return "Gateway.NotAttached", f"Network {vpc} has no Internet gateway attached"
    if address.association_id or address.eni or address.instance:
        return "Resource.AlreadyAssociated", f"Elastic IP address {address.allocation_id} is already associated"
    return None


def _let_go(ec2: Any, gateway: Any) -> None:
    """Its address and its network interface are free."""
    for address in ec2.addresses:
        if address.eni is gateway._eni:
            address.eni = address.instance = address.association_id = None
    ec2.enis.pop(gateway._eni.id, None)


def _no_gateway(ident: str) -> ApiError:
    return ApiError("NatGatewayNotFound", f"NAT gateway {ident} was not found")


# ------------------------------------------------------------------------------------------------ routes
def _routes() -> None:
    def known(self: Any) -> None:
        """A route needs a gateway that is there; moto makes one to nowhere."""
        ident = self._get_param("NatGatewayId")
        gateway = self.ec2_backend.nat_gateways.get(ident)
        if ident and (gateway is None or gateway.state not in WORKING):
            raise ApiError("InvalidNatGatewayID.NotFound", f"The natGateway ID '{ident}' does not exist")

    def state(self: Any) -> str:
        """A route outlives its gateway, and leads nowhere (DeleteNatGateway deletes no routes)."""
        return "blackhole" if self.nat_gateway is not None and self.nat_gateway.state not in WORKING else "active"

    Route.state = property(state)
    before(RouteTables, "create_route", known)
    before(RouteTables, "replace_route", known)


# ------------------------------------------------------------------------------------------------ addresses
def _addresses(current: Callable[[], Backing]) -> None:
    def room(self: Any) -> None:
        if len(self.ec2_backend.addresses) >= ADDRESSES_MAX:
            raise ApiError("AddressLimitExceeded", "The maximum number of addresses has been reached.")

    def free(self: Any) -> None:
        """One in use is not released; moto takes it away from whoever has it. Of one that a gateway holds AWS says
        that it is not ours to touch (kubernetes/kops#938)."""
        ec2 = self.ec2_backend
        settle(ec2, current().now())
        ident = self._get_param("AllocationId")
        for address in ec2.addresses:
            if address.allocation_id != ident or not (address.eni or address.instance):
                continue
            if any(gateway._eni is address.eni for gateway in ec2.nat_gateways.values()):
                raise ApiError("AuthFailure", "You do not have permission to access the specified resource.")
            raise ApiError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")

    def settled(self: Any) -> None:
        settle(self.ec2_backend, current().now())

    before(ElasticIPAddresses, "allocate_address", room)
    before(ElasticIPAddresses, "release_address", free)
    before(ElasticIPAddresses, "describe_addresses", settled)


# ------------------------------------------------------------------------------------------------ endpoints
def _endpoints(current: Callable[[], Backing]) -> None:
    create = VPCs.create_vpc_endpoint

    def created(self: Any) -> Any:
        ec2 = self.ec2_backend
        settle(ec2, current().now())
        if (found := _replayed(self, "endpoint")) is not None:
            return ActionResult({"VpcEndpoint": found})
        _check_endpoint(self)
        answer = create(self)
        endpoint = answer.result["VpcEndpoint"]
        endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or "Gateway"
        endpoint.due = current().now() + current().timings.endpoint
        if endpoint.vpc_endpoint_type == "Interface":
            endpoint.state = "pending"
        else:
            endpoint.private_dns_enabled = False
        _remember(self, "endpoint", endpoint)
        return answer

    def deleted(self: Any) -> Any:
        """Interfaces go in minutes, and leave their network interfaces a while longer (aws.md 5.4)."""
        ec2, now, unknown = self.ec2_backend, current().now(), []
        settle(ec2, now)
        for ident in self._get_param("VpcEndpointIds", []):
            endpoint = ec2.vpc_end_points.get(ident)
            if endpoint is None:
                words = f"The Vpc Endpoint Id '{ident}' does not exist"
                error = {"Code": "InvalidVpcEndpointId.NotFound", "Message": words}
                unknown.append({"ResourceId": ident, "Error": error})
            elif endpoint.vpc_endpoint_type == "Gateway":
                ec2.delete_vpc_endpoints([ident])
                del ec2.vpc_end_points[ident]
            elif endpoint.state != "deleting":
                endpoint.state, endpoint.due = "deleting", now + current().timings.endpoint_gone
                for interface in endpoint.network_interface_ids:
                    ec2.enis.pop(interface, None)
                until = endpoint.due + current().timings.lingering
                left = ec2.__dict__.setdefault("_lingering", [])
                left.append((until, list(endpoint.subnet_ids), list(endpoint.security_group_ids)))
        return ActionResult({"Unsuccessful": unknown})

    def modified(self: Any) -> Any:
        """Routes follow the tables of a gateway; moto notes them down and routes nothing."""
        ec2, endpoint = self.ec2_backend, _endpoint(self)
        for table in self._get_param("AddRouteTableIds", []):
            prefixes = endpoint.destination_prefix_list_id
            ec2.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=prefixes)
        for table in self._get_param("RemoveRouteTableIds", []):
            ec2.delete_route(table, endpoint.destination_prefix_list_id)
        _check_zones(ec2, [*endpoint.subnet_ids, *self._get_param("AddSubnetIds", [])])
        if self._get_param("PrivateDnsEnabled") is not None:
            endpoint.private_dns_enabled = bool(self._get_bool_param("PrivateDnsEnabled"))
        if self._get_bool_param("ResetPolicy"):
            if endpoint.vpc_endpoint_type == "Interface":
                raise ApiError("InvalidParameter", "ResetPolicy is for gateway endpoints")
            endpoint.policy_document = json.dumps(endpoint.DEFAULT_POLICY)
        return modify(self)

    def settled(self: Any) -> None:
        settle(self.ec2_backend, current().now())

    modify = VPCs.modify_vpc_endpoint
    VPCs.create_vpc_endpoint = created
    VPCs.delete_vpc_endpoints = deleted
    VPCs.modify_vpc_endpoint = modified
    before(VPCs, "describe_vpc_endpoints", settled)


def _endpoint(self: Any) -> Any:
    return self.ec2_backend.describe_vpc_endpoints(vpc_end_point_ids=[self._get_param("VpcEndpointId")])[0]


def _check_endpoint(self: Any) -> None:
    ec2, vpc = self.ec2_backend, self.ec2_backend.get_vpc(self._get_param("VpcId"))
    service, kind = self._get_param("ServiceName"), self._get_param("VpcEndpointType") or "Gateway"
    others = [one for one in ec2.vpc_end_points.values() if (one.vpc_id, one.service_name) == (vpc.id, service)]
    if kind == "Gateway":
        for table in self._get_param("RouteTableIds", []):
            if any(table in one.route_table_ids for one in others):
                raise ApiError("RouteAlreadyExists", f"route table {table} already has a route to {service}")
        return
    _check_zones(ec2, self._get_param("SubnetIds", []))
    if not self._get_bool_param("PrivateDnsEnabled", if_none=True):
        return
    if not (_yes(vpc.enable_dns_support) and _yes(vpc.enable_dns_hostnames)):
        raise ApiError(
            "InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC "
            f"attributes set to true for {vpc.id}"
        )  # fmt: skip
    if any(one.private_dns_enabled for one in others):
        raise ApiError(
            "InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain "
            f"for {service} in the VPC {vpc.id}"
        )  # fmt: skip


def _check_zones(ec2: Any, subnets: list[str]) -> None:
    first: dict[str, str] = {}
    for ident in subnets:
        zone = ec2.get_subnet(ident).availability_zone
        if first.setdefault(zone, ident) != ident:
            raise ApiError(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {ident}",
            )


def _yes(value: Any) -> bool:
    return str(value).lower() == "true"
