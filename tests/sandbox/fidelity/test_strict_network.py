"""NAT gateways, elastic IPs and VPC endpoints take their time, hold what they use, and are refused what cannot work."""

from __future__ import annotations

from typing import Any

import pytest

from .stack import Stack, refused

ANYWHERE = "0.0.0.0/0"


@pytest.fixture
def net(stack: Stack) -> Stack:
    """A network with an internet gateway, and DNS names, as endpoints want it."""
    ec2 = stack.aws.ec2
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=stack.vpc)
    ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": True})
    return stack


def address(stack: Stack) -> str:
    return str(stack.aws.ec2.allocate_address(Domain="vpc")["AllocationId"])


def gateway(stack: Stack, allocation: str, **more: Any) -> str:
    made = stack.aws.ec2.create_nat_gateway(SubnetId=stack.subnets[0], AllocationId=allocation, **more)
    return str(made["NatGateway"]["NatGatewayId"])


def described(stack: Stack, ident: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.aws.ec2.describe_nat_gateways(NatGatewayIds=[ident])["NatGateways"][0]
    return found


def state(stack: Stack, ident: str) -> str:
    return str(described(stack, ident)["State"])


def table(stack: Stack) -> str:
    return str(stack.aws.ec2.create_route_table(VpcId=stack.vpc)["RouteTable"]["RouteTableId"])


def default_route(stack: Stack, ident: str) -> dict[str, Any]:
    routes = stack.aws.ec2.describe_route_tables(RouteTableIds=[ident])["RouteTables"][0]["Routes"]
    found: dict[str, Any] = next(one for one in routes if one.get("DestinationCidrBlock") == ANYWHERE)
    return found


def endpoint(stack: Stack, service: str = "logs", subnets: int = 2, **more: Any) -> Any:
    params = {
        "VpcId": stack.vpc,
        "ServiceName": f"com.amazonaws.us-east-1.{service}",
        "VpcEndpointType": "Interface",
        "SubnetIds": stack.subnets[:subnets],
        "SecurityGroupIds": [stack.security_group],
        **more,
    }
    return stack.aws.ec2.create_vpc_endpoint(**params)["VpcEndpoint"]


def test_a_nat_gateway_comes_and_goes_slowly_and_holds_its_address(net: Stack) -> None:
    """pending, available, deleting, deleted; the address is free at the end only, and AWS calls that a lack of
    permission (aws.md 5.4)."""
    ec2, allocation = net.aws.ec2, address(net)
    ident = gateway(net, allocation)

    assert state(net, ident) == "pending"
    net.sleep(6.5)
    assert state(net, ident) == "available"
    assert described(net, ident)["NatGatewayAddresses"][0]["AllocationId"] == allocation
    ec2.delete_nat_gateway(NatGatewayId=ident)
    assert state(net, ident) == "deleting"
    words = refused("AuthFailure", ec2.release_address, AllocationId=allocation)
    assert words == "You do not have permission to access the specified resource."
    net.sleep(3.5)
    assert state(net, ident) == "deleted"
    ec2.release_address(AllocationId=allocation)
    refused("InvalidAllocationID.NotFound", ec2.release_address, AllocationId=allocation)
    net.sleep(200)
    refused("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=[ident])
    refused("NatGatewayNotFound", ec2.delete_nat_gateway, NatGatewayId=ident)


def test_a_nat_gateway_that_cannot_work_fails_later_and_says_why(stack: Stack) -> None:
    """No internet gateway, an address that is taken: CreateNatGateway answers well all the same."""
    ec2, allocation = stack.aws.ec2, address(stack)
    ident = gateway(stack, allocation)
    stack.sleep(6.5)
    assert (state(stack, ident), described(stack, ident)["FailureCode"]) == ("failed", "Gateway.NotAttached")
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=stack.vpc)
    gateway(stack, allocation)
    second = gateway(stack, allocation)
    stack.sleep(6.5)

    assert (state(stack, second), described(stack, second)["FailureCode"]) == ("failed", "Resource.AlreadyAssociated")
    refused("InvalidAllocationID.NotFound", gateway, stack=stack, allocation="eipalloc-0123456789abcdef0")


def test_a_nat_gateway_holds_its_subnet_and_the_internet_gateway(net: Stack) -> None:
    """Until it is deleted (aws.md 5.4, 5.5)."""
    ec2 = net.aws.ec2
    internet = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ident = gateway(net, address(net))

    refused("DependencyViolation", ec2.delete_subnet, SubnetId=net.subnets[0])
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=internet, VpcId=net.vpc)
    ec2.delete_nat_gateway(NatGatewayId=ident)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=net.subnets[0])
    net.sleep(3.5)
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=net.vpc)
    ec2.delete_subnet(SubnetId=net.subnets[0])


def test_a_route_outlives_its_gateway_and_leads_nowhere(net: Stack) -> None:
    """Deleting a NAT gateway deletes no route; none can be made to one that is not there."""
    ec2, ident, routes = net.aws.ec2, gateway(net, address(net)), table(net)
    net.sleep(6.5)
    route = {"RouteTableId": routes, "DestinationCidrBlock": ANYWHERE}
    ec2.create_route(**route, NatGatewayId=ident)
    assert (default_route(net, routes)["NatGatewayId"], default_route(net, routes)["State"]) == (ident, "active")

    ec2.delete_nat_gateway(NatGatewayId=ident)

    assert default_route(net, routes)["State"] == "blackhole"
    refused("InvalidNatGatewayID.NotFound", ec2.replace_route, **route, NatGatewayId=ident)
    refused("InvalidNatGatewayID.NotFound", ec2.replace_route, **route, NatGatewayId="nat-0123456789abcdef0")


def test_a_client_token_makes_one_gateway_and_one_endpoint(net: Stack) -> None:
    """Repeated it answers the first; with other parameters it is refused (aws.md 5.1)."""
    allocation = address(net)

    assert gateway(net, allocation, ClientToken="one") == gateway(net, allocation, ClientToken="one")
    refused("IdempotentParameterMismatch", gateway, stack=net, allocation=address(net), ClientToken="one")
    assert endpoint(net, ClientToken="two")["VpcEndpointId"] == endpoint(net, ClientToken="two")["VpcEndpointId"]


def test_gateways_are_found_by_tag_and_in_pages(net: Stack) -> None:
    """moto passes over the filter (reference/moto.md 4: unsupported ones are empty or everything)."""
    tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "owner", "Value": "me"}]}]
    mine = gateway(net, address(net), TagSpecifications=tags)
    gateway(net, address(net))

    found = net.aws.ec2.describe_nat_gateways(Filter=[{"Name": "tag:owner", "Values": ["me"]}])["NatGateways"]

    assert [one["NatGatewayId"] for one in found] == [mine]
    assert found[0]["Tags"] == [{"Key": "owner", "Value": "me"}]


def test_what_is_tagged_is_found_by_one_call_until_it_is_gone(net: Stack) -> None:
    """GetResources (aws.md 5.1: look up by tag), not what is deleted and still shown."""
    ec2, tags = net.aws.ec2, [{"Key": "owner", "Value": "me"}]

    def tagged(kind: str) -> dict[str, Any]:
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}

    def found() -> list[str]:
        filters = [{"Key": "owner", "Values": ["me"]}]
        kinds = ["ec2:elastic-ip", "ec2:natgateway", "ec2:vpc-endpoint"]
        call = net.aws.resourcegroupstaggingapi.get_resources
        rows = call(TagFilters=filters, ResourceTypeFilters=kinds)["ResourceTagMappingList"]
        return sorted(row["ResourceARN"].rsplit("/", 1)[-1] for row in rows)

    allocation = str(ec2.allocate_address(Domain="vpc", **tagged("elastic-ip"))["AllocationId"])
    ident = gateway(net, allocation, **tagged("natgateway"))
    inside = endpoint(net, **tagged("vpc-endpoint"))["VpcEndpointId"]
    assert found() == sorted([allocation, ident, inside])
    ec2.delete_nat_gateway(NatGatewayId=ident)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[inside])
    net.sleep(3.5)
    assert found() == [allocation]


def test_an_account_has_five_addresses_and_one_in_use_is_not_released(net: Stack) -> None:
    """The quota of a new account; an interface of one's own must let go first."""
    ec2 = net.aws.ec2
    held = [address(net) for _ in range(5)]
    interface = ec2.create_network_interface(SubnetId=net.subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=held[0], NetworkInterfaceId=interface)

    refused("AddressLimitExceeded", address, stack=net)
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=held[0])
    ec2.release_address(AllocationId=held[1])
    address(net)


def test_an_interface_endpoint_comes_slowly_and_its_interfaces_linger(net: Stack) -> None:
    """pending, available, deleting; its security group and its subnets are held to the end (aws.md 5.4, 11.17)."""
    ec2 = net.aws.ec2
    ident = endpoint(net)["VpcEndpointId"]

    def states() -> list[str]:
        found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [net.vpc]}])["VpcEndpoints"]
        return [one["State"].lower() for one in found]

    assert states() == ["pending"]
    net.sleep(3.5)
    assert states() == ["available"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=net.security_group)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[ident])["Unsuccessful"] == []
    assert states() == ["deleting"]
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=net.subnets[0])
    net.sleep(3.5)
    assert states() == []
    refused("DependencyViolation", ec2.delete_security_group, GroupId=net.security_group)
    net.sleep(3.5)
    ec2.delete_security_group(GroupId=net.security_group)
    ec2.delete_subnet(SubnetId=net.subnets[0])
    (failed,) = ec2.delete_vpc_endpoints(VpcEndpointIds=[ident])["Unsuccessful"]
    assert failed["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"


def test_a_gateway_endpoint_is_a_route_in_its_tables(net: Stack) -> None:
    """They come and go with it (aws.md 9.3: by a prefix list); a second one for the same table is refused."""
    ec2, first, second = net.aws.ec2, table(net), table(net)
    only = {"VpcEndpointType": "Gateway", "SubnetIds": [], "SecurityGroupIds": [], "RouteTableIds": [first]}
    ident = endpoint(net, "s3", **only)["VpcEndpointId"]

    def through() -> list[bool]:
        found = ec2.describe_route_tables(RouteTableIds=[first, second])["RouteTables"]
        by_id = {one["RouteTableId"]: one["Routes"] for one in found}
        return [any(route.get("GatewayId") == ident for route in by_id[one]) for one in (first, second)]

    assert through() == [True, False]
    refused("RouteAlreadyExists", endpoint, stack=net, service="s3", **only)
    ec2.modify_vpc_endpoint(VpcEndpointId=ident, AddRouteTableIds=[second], RemoveRouteTableIds=[first])
    assert through() == [False, True]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=net.vpc)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[ident])
    assert through() == [False, False]


def test_an_endpoint_needs_dns_names_a_zone_of_its_own_and_the_service_for_itself(stack: Stack) -> None:
    """Private DNS, and one subnet per zone."""
    ec2 = stack.aws.ec2

    refused("InvalidParameter", endpoint, stack=stack)
    ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": True})
    made = ec2.create_subnet(VpcId=stack.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1a")
    twice = [stack.subnets[0], made["Subnet"]["SubnetId"]]
    refused("DuplicateSubnetsInSameZone", endpoint, stack=stack, SubnetIds=twice)
    endpoint(stack)
    refused("InvalidParameter", endpoint, stack=stack)
    endpoint(stack, PrivateDnsEnabled=False)
