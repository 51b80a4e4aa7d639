"""The words of the page around an answer, in both languages."""

from __future__ import annotations

from typing import Any

__all__ = ["WORDS"]

WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "title": "{photos} photos: {located} located, {open} left open",
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
        "footer": "本页自带全部内容，不加载任何外部资源。",
    },
}
