"""GA/T 1400 payloads, after the push in formats.md 5.3 (ids of the right lengths, an invented person)."""

from __future__ import annotations

from typing import Any

DEVICE, TOLLGATE = "51010000001190000001", "51010000001210000001"
SOURCE = DEVICE + "022025031409301200001"
PICTURE = "/9j/4AAQSkZJRgABAQ" * 20
ID_NUMBER = "510101199001010015"
TIME, T_MS = "20260318080000", 1_773_792_000_000
"""2026-03-18T08:00 in Shanghai, which is midnight UTC."""


def vehicle(**changes: Any) -> dict[str, Any]:
    """One MotorVehicle; what is changed to `...` is left out."""
    good = {
        "MotorVehicleID": DEVICE + "0220260318080000" + "00001" + "02" + "00001",
        "InfoKind": 1,
        "SourceID": SOURCE,
        "TollgateID": TOLLGATE,
        "DeviceID": DEVICE,
        "StorageUrl1": "ftp://10.0.0.5/STORAGEURL.jpg",
        "PassTime": TIME,
        "MarkTime": TIME,
        "LaneNo": 2,
        "HasPlate": "1",
        "PlateClass": "16",
        "PlateColor": "6",
        "PlateNo": "鲁A1001学",
        "IsDecked": "0",
        "Speed": 38.0,
        "Direction": "3",
        "VehicleClass": "K33",
        "NumOfPassenger": 2,
        "PlateReliability": "96",
    }
    return {key: value for key, value in (good | changes).items() if value is not ...}


def face(**changes: Any) -> dict[str, Any]:
    """One Face with all that is never read; what is changed to `...` is left out."""
    good = {
        "FaceID": DEVICE + "0220260318080000" + "00001" + "06" + "00001",
        "InfoKind": 1,
        "SourceID": SOURCE,
        "DeviceID": DEVICE,
        "FaceAppearTime": TIME,
        "IDType": "111",
        "IDNumber": ID_NUMBER,
        "Name": "张三",
        "UsedName": "USEDNAME",
        "GenderCode": "1",
        "AgeUpLimit": 45,
        "AgeLowerLimit": 40,
        "EthicCode": "ETHICCODE",
        "NationalityCode": "NATIONALITY",
        "JobCategory": "JOBCATEGORY",
        "IsDriver": 2,
        "Similaritydegree": 0.93,
        "FeatureInfo": {"FeatureData": "FEATUREDATA"},
        "SubImageList": {"SubImageInfoObject": [{"ImageID": "1", "Type": "05", "Data": PICTURE}]},
    }
    return {key: value for key, value in (good | changes).items() if value is not ...}


def push(vehicles: Any, faces: Any = (), names: tuple[str, str] = ("MotorVehicleObjectList", "FaceObjectList")) -> Any:
    """What a subscription pushes; `names` are the spellings of the two lists."""
    notification = {
        "NotificationID": "510100000000042026031809301200001",
        "Title": "教练车过车",
        "TriggerTime": TIME,
        names[0]: {"MotorVehicleObject": vehicles},
        names[1]: {"FaceObject": list(faces) if isinstance(faces, tuple) else faces},
    }
    return {"SubscribeNotificationListObject": {"SubscribeNotificationObject": [notification]}}
