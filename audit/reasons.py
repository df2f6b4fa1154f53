"""Why a rule could not be answered: codes with their words in both languages (also for `not_assessed.csv`)."""

from __future__ import annotations

REASONS: dict[str, tuple[str, str]] = {
    "no-fixes": ("该车当日无任何定位点", "the car has no fix that day"),
    "feed-datum": ("数据源坐标系异常,位置不可信", "the feed's positions fit another datum than declared"),
    "provider-error": ("地图服务商返回错误或数据缺页", "the provider answered with an error or left pages out"),
    "rows-rejected": (
        "该车大量定位行无法读取或不含位置,期间是否静默不明",
        "many of its rows could not be read or held no position, so its silence may be none",
    ),
    "no-position": (
        "终端在线,但期间没有可用的位置",
        "the terminal was heard, but sent no position to rely on",
    ),
    "no-zone": (
        "课时所填场地或路线不在登记资料中",
        "the session names a place that is not on file",
    ),
    "unreadable-file": (
        "终端文件损坏、加密或不完整",
        "the terminal's file is damaged, encrypted or not all there",
    ),
    "feed-outage": ("数据源整体中断", "the whole feed was down"),
    "sampling-too-thin": ("定位间隔过大,无法判断驾驶行为", "fixes are too far apart to tell training from driving"),
    "matched-track": (
        "数据源轨迹已吸附到路网,不能证明小距离偏离或场内训练",
        "the feed's positions were matched to roads: they prove nothing of some metres, nor of work in a yard",
    ),
    "silent": ("信号中断,期间行为不明", "the terminal was silent, so nothing is known of that time"),
    "no-hours": ("该场地或路线未登记批准时间", "no approved hours are on file for the place"),
    "no-route": ("课时未指明有效训练路线", "the session names no route in force"),
    "undetermined": ("轨迹特征不足以判定", "the track is neither clearly training nor clearly plain driving"),
    "register-damaged": ("登记资料有误行被拒收,可能涉及该车", "a rejected row of a register may have been about it"),
    "unconfirmed": ("轨迹无法证实全部课时", "the track cannot confirm all declared time"),
    "not-in-force": ("规则参数当日尚未生效", "no value of the rule was in force on the day"),
    "records-erased": (
        "卡口或人脸记录已按保存期限删除,不能再判定",
        "the camera or face records were erased when their period was over",
    ),
    "no-passages": ("未提供卡口过车记录或卡口位置", "no camera passages, or no cameras, were handed in"),
    "no-mandate": ("无有效的人脸比对授权文件", "no mandate for the join with face records is in force"),
    "no-matcher": ("未说明比对引擎及其阈值,分值无法解读", "the matcher is not described, so its scores mean nothing"),
    "tracks-contradicted": (
        "该数据源多辆车的轨迹与卡口不符,疑为数据源位置或时钟异常",
        "cameras contradict the tracks of many cars of the feed, so its positions or clocks are in doubt",
    ),
    "few-sightings": (
        "看清副驾驶座的卡口不足两处,无法判断由谁教练",
        "fewer than two cameras saw a face in the instructor's seat",
    ),
    "model-misfit": (
        "比对分值过少或与模型不符,不足以认定人员",
        "too few scores, or scores that do not fit the model, to say who it was",
    ),
    "few-places": ("可比对的训练记录不足", "too little declared training to compare positions with"),
}


def words(code: str) -> tuple[str, str]:
    """Return a reason in Chinese and English; KeyError's message names the known codes."""
    if code not in REASONS:
        raise KeyError(f"unknown reason {code!r}; known: {', '.join(sorted(REASONS))}")
    return REASONS[code]
