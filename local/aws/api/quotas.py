"""Service quotas: those of a new account, until more is asked for."""

import json
from typing import Any, Final

from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from local.aws.api.mending import replace

NEW_ACCOUNT: Final = {
    "L-1216C47A": 5.0,  # vCPUs of On-Demand Standard instances
    "L-DB2E81BA": 0.0,  # of On-Demand G and VT instances
    "L-417A185B": 0.0,  # of On-Demand P instances
    "L-3819A6DF": 0.0,  # of G and VT Spot Instances
    "L-7212CCBC": 0.0,  # of P4, P3 and P2 Spot Instances
    "L-C4BD4855": 0.0,  # of P5 Spot Instances
    "L-0263D0A3": 5.0,  # Elastic IP addresses
}
"""AWS's defaults of Amazon EC2 (AWS General Reference, "Amazon EC2 endpoints and quotas"), which moto lacks."""

_get = ServiceQuotasBackend.get_service_quota


def get_service_quota(backend: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
    """What applies to the account."""
    asked: dict[str, float] = vars(backend).get("asked_for", {})
    if service_code == "ec2" and quota_code in NEW_ACCOUNT:
        value = NEW_ACCOUNT[quota_code]
        quota = {"ServiceCode": service_code, "QuotaCode": quota_code, "Value": value, "Adjustable": True}
    else:
        quota = _get(backend, service_code, quota_code)
    return {**quota, "Value": asked.get(quota_code, quota["Value"])}


def request_service_quota_increase(response: ServiceQuotasResponse) -> str:
    """What is asked for is granted at once, where AWS takes minutes to days."""
    wanted = json.loads(response.body)
    service, code, value = wanted["ServiceCode"], wanted["QuotaCode"], float(wanted["DesiredValue"])
    get_service_quota(response.backend, service, code)  # one that does not exist is refused
    vars(response.backend).setdefault("asked_for", {})[code] = value
    told = {"Id": code, "ServiceCode": service, "QuotaCode": code, "DesiredValue": value, "Status": "APPROVED"}
    return json.dumps({"RequestedQuota": told})


def mend() -> None:
    """moto knows the quotas of VPCs alone, and no way to ask for more."""
    replace(ServiceQuotasBackend, "get_service_quota", get_service_quota)
    ServiceQuotasResponse.request_service_quota_increase = request_service_quota_increase
