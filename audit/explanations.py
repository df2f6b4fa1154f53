"""The innocent explanations that rules try: codes with what excluded each, in words of both languages.

The words state what was measured and accuse nobody.
"""

from __future__ import annotations

EXPLANATIONS: dict[str, tuple[str, str]] = {
    "clearing-the-place": ("超出时段的时长多于离场所需", "it lasted longer than leaving the place takes"),
    "convoy": (
        "两条轨迹的时间差大于前后跟车",
        "the two tracks are too far apart in time for cars that follow one another",
    ),
    "counted-twice": ("重叠的课时只计一次", "sessions that overlap were counted once"),
    "detour": ("时长超过合法绕行所需", "it lasted longer than a lawful detour"),
    "early-or-late": ("时长超过提前开始或延后结束的宽限", "it lasted longer than beginning early or ending late"),
    "errands": ("几乎全部路段都被再次驶过", "nearly all of the path was driven again"),
    "camera-clock": (
        "同一卡口同一时段的其他车辆时刻与轨迹相符,卡口时钟无误",
        "other cars' passages of these cameras at that hour fit their tracks: the clocks were right",
    ),
    "declared-instructor": (
        "同一座位上未比对到申报教练员",
        "the declared instructor was not seen in that seat",
    ),
    "exam-duty": ("该时段无此人的考试任务", "no exam of that person was on at the time"),
    "feed-outage": (
        "同一数据源的其他车辆当日在线,数据源未整体中断",
        "other cars of the feed were heard, and the feed was not down",
    ),
    "ghost-time": ("只计入轨迹能够证实的时间", "only time that the track confirms was counted"),
    "gps-error": ("偏离距离大于定位误差", "the distance is larger than the error budget"),
    "jam": ("堵车时车辆不会重复自己的路径", "a car in a jam does not come back over its own path"),
    "looking-for-parking": ("时长超过寻找车位", "it lasted longer than a search for a parking place"),
    "lift": (
        "车辆正在教练,而非仅搭载此人",
        "a lesson was going on, and not merely a lift given",
    ),
    "look-alike": (
        "与相貌相近者的比对分值不能解释全部记录",
        "look-alikes on the list, or unknown ones, do not account for the scores",
    ),
    "misread-plate": (
        "车牌误读的可能性远小于所述情形",
        "a misread plate accounts for it far less well",
    ),
    "noise": ("偏移量符合坐标系之差,远大于定位误差", "the shift is that between two datums, far above GNSS error"),
    "other-car": (
        "定位轨迹证实是本车经过卡口",
        "the track confirms that it was this car that passed",
    ),
    "other-drive": ("车辆有行驶,但没有训练特征", "the car was driven, but without signs of training"),
    "other-place": ("所在的其他批准区域当时也未开放", "no other approved place that it was in was open"),
    "other-route": (
        "不在对该校、车型和培训部分批准的其他路线上",
        "it was on no other route approved for school, class and part",
    ),
    "overlapping-place": ("没有其他批准区域覆盖同一位置", "no place approved for the car covers the same ground"),
    "parked": ("车辆处于行驶状态", "the car was in motion"),
    "passing-through": ("在该处训练,而非仅仅驶过", "it trained there and did not merely pass through"),
    "permit": ("无有效的临时许可", "no permit was in force"),
    "provider-error": ("服务商的数据页齐全", "all pages of the provider are there"),
    "role": (
        "当日未在该校登记为教练员",
        "no instructor's role for that school was in force that day",
    ),
    "same-route": ("两次独立行驶只会短暂同步,不会持续数分钟", "distinct drives agree for seconds, not for minutes"),
    "seen-elsewhere": (
        "没有记录表明此人同时在别处",
        "no record says that the person was elsewhere meanwhile",
    ),
    "silent-terminal": ("课时内大部分时间有定位", "there are fixes for most of the session"),
    "slow-lesson": ("车辆几乎没有移动", "the car hardly moved"),
    "wrong-places": ("各车位置的偏移与同一坐标系差一致", "all cars are off by the shift of one datum"),
}


def because(code: str) -> dict[str, str]:
    """Return what excluded an explanation, by language; KeyError's message names the known codes.

    >>> because("jam")["en"]
    'a car in a jam does not come back over its own path'
    """
    if code not in EXPLANATIONS:
        raise KeyError(f"unknown explanation {code!r}; known: {', '.join(sorted(EXPLANATIONS))}")
    zh, en = EXPLANATIONS[code]
    return {"zh": zh, "en": en}
