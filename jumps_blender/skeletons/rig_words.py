"""What the names of bones say: which part of the body, which side, or that a bone is no part.

Names are split into words at separators, capitals and digits, and words that are written together
(UPPERARMLEFT, 左ひじ) where the words below leave nothing over.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a bone's name says.

    side: l, r or empty
    part: a key of PARTS, or empty
    helper: it belongs to no limb and no trunk: twist bones, fingers, the face, mechanisms …
    copy: it is a deforming copy of another bone, where that one exists
    control: it is made for animators
    """

    side: str = ""
    part: str = ""
    helper: bool = False
    copy: bool = False
    control: bool = False


# English, German, French, Spanish, Italian, Japanese. A part is a slot of rig_slots, or a word that
# means different slots in different rigs: shoulder (collar-bone or upper arm), arm (upper arm or
# forearm), leg (thigh or shin), ankle (foot; then "foot" is its ball), and hips, of which each side
# may have one (thigh).
PARTS: dict[str, str] = {
    "hips": """hips hip pelvis hipbone hipjoint becken hufte huften bassin hanche hanches
        cadera caderas bacino anca anche 腰 骨盤""",
    "spine": """spine spinal chest upperchest lowerchest thorax ribcage torso abdomen abdomenupper
        abdomenlower chestupper chestlower stomach belly waist lumbar back lowerback upperback
        midback body upperbody lowerspine middlespine midspine upperspine spinelower spinemiddle
        spinemid spineupper wirbelsaule rucken brust bauch colonne dos poitrine torse ventre columna
        espalda pecho schiena petto torace 上半身 胴 胸""",
    "neck": """neck necklower neckupper lowerneck upperneck necktwist cervical hals nacken cou
        cuello collo 首""",
    "head": "head skull kopf tete cabeza testa 頭",
    "clavicle": """clavicle clav collar collarbone scapula schlusselbein clavicule clavicula
        clavicola 肩 鎖骨""",
    "shoulder": "shoulder shldr schulter epaule hombro spalla",
    "upper_arm": "upperarm uparm armupper armup humerus bicep biceps oberarm 腕 上腕",
    "arm": "arm bras brazo braccio",
    "forearm": """forearm lowerarm lowarm armlower armlow elbow radius ulna unterarm ellbogen
        avantbras coude antebrazo codo avambraccio gomito ひじ ヒジ 肘 前腕 下腕""",
    "hand": "hand wrist main poignet mano muneca polso handgelenk 手首 手",
    "thigh": """thigh upperleg upleg legupper legup femur oberschenkel cuisse muslo coscia 太もも
        太腿 大腿 もも""",
    "leg": "leg bein jambe pierna gamba 足 脚",
    "shin": """shin calf lowerleg lowleg leglower leglow tibia knee unterschenkel knie mollet genou
        pantorrilla rodilla ginocchio ひざ ヒザ 膝 すね 脛 下腿""",
    "foot": "foot fuss fusse pied pie piede",
    "ankle": "ankle knochel cheville tobillo caviglia 足首",
    "toe": "toe toes toebase ball zeh zehe zehen orteil orteils punta つま先 つまさき 爪先",
}
_SIDES = {
    "l": "l left lt lft links linke linker gauche izquierda izquierdo izq sinistra sinistro 左",
    "r": "r right rt rgt rechts rechte rechter droite droit derecha derecho dcha destra destro 右",
}
_HELPERS = """
    twist twists roll rolls ik pole poles target targets tgt helper helpers aux corrective
    correctives fix mch org vis wgt tweak tweaks offset null grp group space parent pivot end nub
    top tip eff effector socket attach prop weapon gun sword shield handle handles gizmo mouse look
    aim stretch switch spin snap driver drv muscle jiggle physics collider dummy share half rubber
    cancel bendy
    finger fingers thumb thumbs index middle mid ring pinky little metacarpal metacarpals carpal
    palm knuckle knuckles meta metatarsal metatarsals bigtoe
    daumen doigt pouce dedo dedos pulgar
    eye eyes eyelid eyebrow brow lid lids lip lips mouth jaw chin cheek cheeks nose nostril ear ears
    tongue teeth tooth face facial forehead temple hair bangs ponytail ahoge pigtail beard
    hat skirt dress cloth clothes cape coat scarf ribbon belt bag breast breasts bust boob pec pecs
    pectoral pectorals butt buttock glute glutes tail wing wings heel heels horn
    捩 捩り ik親 親 先 先端 補助 ダミー キャンセル 操作中心 足d ひざd 足首d 足先ex 肩p 肩c
    親指 人指 人差指 人差し指 中指 薬指 小指 指 目 両目 瞳 眉 口 顎 舌 髪 前髪 後髪 横髪 乳 耳
    スカート
"""
_COPIES = "def deform bind skin"
_CONTROLS = "ctrl ctl control con fk anim"
# Words that say nothing, and trunk words that are decided by what hangs on the bone.
_NOISE = """
    bone bones bip bip01 bip001 biped joint jnt j b c m x cc base rig rigs armature skeleton human
    character char the of and センター グルーブ 下半身 全ての親 ボーン
"""


def _table(words: dict[str, str]) -> dict[str, str]:
    return {word: key for key, spelt in words.items() for word in spelt.split()}


_PART = _table(PARTS)
_SIDE = _table(_SIDES)
_HELPER, _COPY, _CONTROL, _NOTHING = (
    frozenset(words.split()) for words in (_HELPERS, _COPIES, _CONTROLS, _NOISE)
)
_ALL = {*_PART, *_SIDE, *_HELPER, *_COPY, *_CONTROL, *_NOTHING}
# Words that may be written together with others: short Latin ones would be found anywhere.
_JOINABLE = {word for word in _ALL if len(word) > 2 or not word.isascii()} | {"ik", "fk"}
_JOINABLE |= {"up", "low", "upper", "lower"}
_LONGEST_WORD = max(map(len, _JOINABLE))
_LONGEST_RUN = 40
_COMMON = 0.5  # a word of this share of all names is the figure's name


def meanings(names: Sequence[str]) -> list[Meaning]:
    """What each of a rig's bones is called, in the same order."""
    split = [_words(name) for name in names]
    seen = Counter(word for words in split for word in set(words))
    noise = {word for word in seen.keys() - _ALL if seen[word] > _COMMON * len(names)}
    return [_meaning([word for word in words if word not in noise]) for words in split]


def _meaning(words: list[str]) -> Meaning:
    sides = {_SIDE[word] for word in words if word in _SIDE}
    side = sides.pop() if len(sides) == 1 else ""
    rest = [word for word in words if word not in _SIDE and word not in _NOTHING]
    copy, control = not _COPY.isdisjoint(rest), not _CONTROL.isdisjoint(rest)
    rest = [word for word in rest if word not in _COPY | _CONTROL]
    part = _PART.get("".join(rest), "")
    helper = not part and not _HELPER.isdisjoint(rest)
    return Meaning(side, part, helper, copy, control)


def _words(name: str) -> list[str]:
    """A name's words, without numbers and namespace, small and without accents."""
    name = unicodedata.normalize("NFKC", re.split(r"[:|]", name)[-1])
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    letters = unicodedata.normalize("NFD", name.casefold())
    letters = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters))
    runs = re.split(r"[\W\d_]+", letters)
    return [word for run in runs if run for word in _split(run)]


def _split(run: str) -> list[str]:
    """Words written together, as few as possible; the run itself where it doesn't come out."""
    if run in _ALL or len(run) > _LONGEST_RUN:
        return [run]
    # best[end]: the fewest words that make run[:end]; a single l or r only outermost.
    best: list[list[str] | None] = [[]] + [None] * len(run)
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end):
            before, word = best[start], run[start:end]
            outermost = word in ("l", "r") and (start == 0 or end == len(run))
            if before is None or not (outermost or word in _JOINABLE):
                continue
            now = best[end]
            if now is None or len(before) + 1 < len(now):
                best[end] = [*before, word]
    return best[-1] or [run]
