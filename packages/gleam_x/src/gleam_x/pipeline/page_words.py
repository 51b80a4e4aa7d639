"""The words of the page around an answer, in both languages."""

from __future__ import annotations

from typing import Any

__all__ = ["WORDS"]

# ``view_reasons`` are GLEAM-C's own words (gleam_c/locate/view_guess.py); others are shown as they come.
WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "title": "Photos: {photos}; located: {located}; left open: {open}",
        "lead": "GLEAM-C finds candidates among satellite tiles; GLEAM-X looks at each of them beside the photo; both "
        "decide, and GLEAM-X says why.",
        "yes": "The same place",
        "no": "Not the same place",
        "open": "Left open: no candidate is sure enough.",
        "fused": "probability, both models",
        "alone": "probability, GLEAM-X alone",
        "photo": "photo",
        "tile": "tile",
        "reason": "Reason",
        "no_reason": "No reason was asked for, or the model was taught none.",
        "claims": "Claims, and where they are",
        "candidates": "Candidates",
        "probability": "probability",
        "verdict": "GLEAM-X",
        "similarity": "GLEAM-C",
        "rank_c": "rank by GLEAM-C",
        "time": "Time",
        "steps": {"find": "find", "verify": "verify", "explain": "explain"},
        "views": {"uav": "UAV", "map": "street map", "panorama": "panorama", "ground": "ground photo"},
        "view_reasons": {},
        "footer": "This page holds everything it shows and loads nothing.",
    },
    "zh": {
        "title": "{photos} 张照片：已定位 {located}，未定 {open}",
        "lead": "GLEAM-C 在卫星影像中检索候选，GLEAM-X 逐一与照片比对，两者共同判定，并由 GLEAM-X 说明理由。",
        "yes": "同一地点",
        "no": "不是同一地点",
        "open": "未定：没有足够可靠的候选。",
        "fused": "概率（两个模型）",
        "alone": "概率（仅 GLEAM-X）",
        "photo": "照片",
        "tile": "影像",
        "reason": "理由",
        "no_reason": "未要求理由，或模型未学过说明理由。",
        "claims": "论据及其位置",
        "candidates": "候选",
        "probability": "概率",
        "verdict": "GLEAM-X",
        "similarity": "GLEAM-C",
        "rank_c": "GLEAM-C 排名",
        "time": "用时",
        "steps": {"find": "检索", "verify": "验证", "explain": "解释"},
        "views": {"uav": "无人机影像", "map": "街道地图", "panorama": "全景图", "ground": "地面照片"},
        "view_reasons": {
            "as given": "按指定",
            "its tags say equirectangular": "元数据标明为等距柱状全景",
            "twice as wide as high, and its left edge goes on at its right": "宽为高的两倍，且左右边缘相接",
            "light, flat and of few colours, as if drawn": "明亮平整、颜色少，像是绘制的",
            "its upper part looks like sky": "上部像天空",
            "no sky, not drawn: seen from above": "没有天空，也不是绘制的：从上方拍摄",
            "a drone's tags": "带有无人机的元数据",
        },
        "footer": "本页自带全部内容，不加载任何外部资源。",
    },
}
