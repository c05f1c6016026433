"""Names of persons, found by what stands around them.

A Chinese name is a surname and one or two more characters, and so are thousands of ordinary words.
What tells them apart is evidence on both sides: a label (姓名：), a role (患者, 借款人), a relation
(我弟弟), a verb of naming (我叫) on the left; an end of clause, a title (女士, 同学) or a word that
follows persons on the right. The weaker the left side, the more the rest has to say.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from guard.detectors.normalise import HAN
from guard.detectors.pii_hit import Hit

_DATA = Path(__file__).parent / "data"

#: How much a word on the left says. ``form``: fields of forms, names also without other evidence
#: behind a colon. ``role``: a person's part in the matter. ``called``: verbs of naming. ``weak``:
#: words that often stand before persons. ``never``: words that only look like one of these.
_LEFT = {
    "form": "姓名 名字 真名 联系人 收件人 收货人 寄件人 发件人 签收人 持卡人 户主 户名 开户名 申请人 法人"
    " 法定代表人 法人代表 代表人 当事人 证人 死者 家长 监护人 紧急联系人 投保人 被保险人 受益人 借款人 出借人"
    " 承租人 出租人 出租方 承租方 入住人 乘机人 乘车人 报修人 报案人 举报人 投诉人 反映人 反馈人 推荐人 报销人"
    " 付款人 收款人 汇款人 挂号人 预约人 记录人 主持人 负责人 经办 经办人 复核 复核人 审核人 审批人 制表人"
    " 填表人 登记人 代办人 代收人 取件人 委托人 受托人 代理人 担保人 保证人 遗嘱人 继承人 被告人 嫌疑人 被害人"
    " 受害人 受检者 受种者 甲方 乙方 丙方 买方 卖方 签名 签字 签约人 签约代表 指导教师 导师 辅导员"
    " 班主任 值班人员 值班人 参会人员 参会人 与会人员 主刀医师 主治医师 申请医师 送检医生 责任护士 医师"
    " 车主 驾驶员 宿舍长 来电人 来访人 志愿者登记 相亲资料 中奖名单 参赛选手"
    " 寻人启事 报名人 捐赠人 求助人 客户姓名 联系家属 本人签名 学生 考生 患者 病人 客户 顾客 用户 乘客 业主 住户"
    " 房东 租客 原告 被告 记账人 出纳 保管员 验收人 采购员 工程师 客户经理 项目经理 面试官 面试者"
    " 应聘者 求职者 求职人 候选人 提交人 咨询人 申诉人 申请者 汇报人 发言人 购买人 买家 卖家 寄件方 收货方 领取人"
    " 领用人 使用人 持证人 开户人 存款人 账户名 责任人 联络人 对接人 接口人 主办人 承办人 批准人 签发人 见证人"
    " 公证员 审判长 审判员 书记员 陪审员 辩护人 诉讼代理人 上诉人 被上诉人 申请执行人 被执行人 第三人 犯罪嫌疑人"
    " 伤者 失主 走失者 目击者 陪护人 陪同人 患儿 新生儿 献血者 麻醉医师 手术医师 主管医生 管床医生 值班医生 床位医生"
    " 检验员 检验者 报告医师 接诊医生 接诊医师 主诊医师 体检人 接种人 骑手 送货员 配送员 快递小哥 送餐员 业务员"
    " 新生 毕业生 研究生 博士生 本科生 获奖者 中奖者 参赛者 报名者 捐赠者 介绍人 入党介绍人 股东 合伙人"
    " 中文名 曾用名 记录员 主讲人 主讲 培训讲师 指导老师 任课教师 参保人 培训师 领队 教练 助理 秘书 出诊医生 预约医生",
    "field": "会员 学员 讲师 助教 专员 顾问 监事 护工 接龙 举报 投诉 参保 新同事 收件 寄件 收 会员姓名 作者 姓_名 姓__名 名_字 出席 班长 组长 队长 店长 公示 简历",
    "role": "产妇 家属 市民 村民 居民 网友 民警 教师 护士 医生 村支书 装机师傅 师傅 校友 员工 职工 同事 同学"
    " 外卖小哥 快递员 司机 志愿者 老人 退休教师 舍友 室友 闺蜜 女朋友 男朋友 女友 男友 邻居 领导 老板 朋友"
    " 舅舅 叔叔 伯伯 姑姑 阿姨 爸爸 妈妈 父亲 母亲 爷爷 奶奶 外公 外婆 哥哥 弟弟 姐姐 妹妹 儿子 女儿 孙子 孙女"
    " 孩子 老公 老婆 丈夫 妻子 表哥 表姐 表弟 表妹 堂哥 采购部 财务部 人事部 市场部 研发部 行政部 同志 我班 我校 一班 二班 三班 四班 五班 六班 七班 八班 九班 十班"
    " 未婚妻 未婚夫 前女友 前男友 前夫 前妻 岳父 岳母 公公 婆婆 婶婶 姨妈 舅妈 侄子 侄女 外甥 发小 死党"
    " 哥们 兄弟 战友 老乡 对象 小孩 宝宝 我们班 同桌 前台 男子 女子 男孩 女孩 小伙 小伙子 姑娘 大爷 大妈 农民 工人"
    " 退伍军人 老兵 老党员 网格员 保安 保姆 月嫂 护工 女婿 儿媳 徒弟 师兄 师姐 师弟 师妹 学长 学姐 老同学 当事人 求职者 获救的 走失的",
    "called": "我叫 我的名字叫 我名字叫 本人姓名 自称 化名 真名叫 全名叫 兹证明 兹有 老公叫 老婆叫"
    " 儿子叫 女儿叫 弟弟叫 哥哥叫 姐姐叫 妹妹叫 爸爸叫 妈妈叫 她叫 他叫 孩子叫",
    "told": "名叫 叫做",
    "weak": "我是 本人 请 给 把 由 归 问 找 叫 以 联系 委托 授权 送给 转给 寄给 发给 通知 捡到 查一下 约了 感谢 祝贺 麻烦 拜托 安排 邀请 转告 告诉 认识 恭喜 交给 打给 汇给 转账给 还给 借给 欠 抄送 名为 私信 老师叫",
    "never": "岳父母 维护 由于 以及 以上 以下 以来 以为 以前 以后 请问 请求 给予 问题 找到 叫做 把握 归于 由来 的话 目的"
    " 联系方式 我的 你的 他的 真的 有的 别的 收入 收到 吸收 回收 收购 收集 收取 收获 收益 税收 收藏 收拾"
    " 学生会 学生证 客户端 用户名 作者简介 师傅们 我是一 我是在 我是来 孩子王 收支 学生卡 可以 所以 难以 加以 予以 得以 足以 嫁给 供给 对象是 安卓 男子汉 安排好",
}
_LATIN = ("my name", "full name", "real name", "name", "contact person", "recipient", "patient")
#: Titles: what stands before them may be a name.
_POSSESSED = (
    "的电话 的手机 的微信 的身份证 的qq 的住院号 的学号 的病历 的成绩 的快递 的联系方式 的地址 的银行卡 的作业 的名义"
    " 的报名 的信息 的邮箱 的号码 的家长 的妈妈 的爸爸 的家属 的学生卡 的校园卡 的账户 的账号 的车 的房子 的房产 的订单"
    " 的住址 的生日 的包裹 的工资"
)
_TITLES = "女士 先生 小姐 同学 老师 阿姨 师傅 医生 大夫 护士 警官 律师 教授 同志 经理 主任"

#: Characters that do not stand in given names: they begin what follows a name.
_NOT_GIVEN = frozenset(
    "的了是在有和与及或也都就不我你他她它们这那哪今岁住电手身性男女号来去到说做叫被把给让从对向为吗呢吧啊呀"
    "个些什么怎没很太最还又再只并而但而几多少份人者们您该此其于因所着过会能要想看下里"
)
#: What may follow a name: the end of a clause, or a character that often begins what persons do.
_ENDS = re.compile(
    r"\Z|[^\w]|的|了|是|在|有|和|与|及|或|也|都|就|不|说|称|于|将|被|向|对|把|给|因|从|到|为|带|系|等|已|收\b|收,"
    r"|这|现|今|自|持|拨|来|要|想|会|能|她|他|家|住|男|女|先生|女士|小姐|同学|老师|阿姨|师傅|医生|警官|律师|教授"
    r"|同志|经理|主任|表示|反映|投诉|提醒|拿|获|搬|办|贷|当选|出[借生席任具]|申请|要求|主动|自[愿称]|委托|授权|领取"
    r"|电话|手机|身份|性别|年龄|民族|出生|学号|工号|微信|qq|地址|住址|邮箱|联系|[啊呀吧呢吗嘛哦哈管需让跟请帮]|[0-9a-z]|代[收办理为]|寄|义务|跳入|前来|年[龄过]|吵|担任|负责|签|所|主[动张治]|[本今昨明]|上[周个午]|下[周个午]"
)
#: Of these only the whole of a word says that a name ends before it.
_STOP = re.compile(r"[,.;:!?、。/|()\[\]【】《》\"'“”‘’\s-]|\Z")
_TITLE = re.compile(
    "[总哥姐叔姨某]|先生|女士|小姐|太太|师傅|老师|阿姨|叔叔|大爷|大妈|医生|护士|警官|律师|经理|主任|同学|老板"
    "|教授|院长|校长|同志|大夫"
)
#: Surnames that are far more often words: names only behind a label with a colon.
_RISKY = frozenset("和能言练连解封")
#: The Chinese John Doe.
_PLACEHOLDER = re.compile(r"[张李王赵]某|张三|李四|王五|赵六|小明|某某")
#: People of history and of novels: nobody's privacy.
_FAMOUS = frozenset(
    "李白 杜甫 白居易 苏轼 苏东坡 李清照 王维 孟浩然 陶渊明 屈原 司马迁 司马光 曹操 刘备 孙权 诸葛亮 关羽 张飞 赵云"
    " 周瑜 林黛玉 贾宝玉 薛宝钗 王熙凤 孙悟空 猪八戒 武松 宋江 林冲 鲁智深 鲁迅 老舍 冰心 巴金 曹雪芹 吴承恩"
    " 施耐庵 罗贯中 王羲之 韩愈 柳宗元 欧阳修 王安石 辛弃疾 陆游 岳飞 文天祥 郑和 张衡 华佗 李时珍 祖冲之 孔子"
    " 孟子 庄子 老子 墨子 荀子 韩非子 秦始皇 汉武帝 唐太宗 武则天 康熙 乾隆 花木兰 梁山伯 祝英台 哪吒 牛顿 马克思"
    " 雷锋 黄继光 董存瑞 小红帽 白雪公主 灰姑娘 闰土 祥林嫂 孔乙己 阿q 郭靖 黄蓉 杨过 小龙女 令狐冲 张无忌".split()
)
#: Compounds that begin like a name and are none, beyond the word list.
_NO_NAME = re.compile(
    r"马里奥|王者|司机|平台|水平|车主|车辆|车牌|房东|房主|店家|店长|花园|华为|沙发|华人|管家|金额|方便|阳台|程序|应该"
    r"|公司|单位|项目|文件|时间|任务|高级|安全|全部|成员|万元|万一|和[他她你我]|[经关于]于"
)

#: Between a left word and a name: 名称, a bracket, a verb or colon, quotes and blanks. Bounded.
_LINK = re.compile(
    r"(?:签名|签字|姓名|名字|名称)?(?:\([^()\n]{1,6}\)|\))?[\s\"'“‘「『(\[【*|]{0,4}"
    r"(?P<link>(?:就?是|为|叫做?|写|改[成为]|换成|:|=|-|—|\d{1,2}\.){0,2})[\s\"'“‘「『(\[【:*]{0,4}(?P<n>\d{1,2}\.)?"
)
_DOTTED = re.compile(rf"[{HAN}]{{2,8}}(?:[·•](?:(?![的和与在是说])[{HAN}]){{1,8}}){{1,3}}")
#: 王小明，女，… and 王小明（男）: sex behind a name at the beginning of a clause.
_SEX = re.compile(r"[,(/ ]{1,2}[男女](?![\w])")
_MORE = re.compile(r"(?:[、/ ]|[,;和与及]) {0,2}(?:\d{1,2}\.)?")

Original = Callable[[int, int], str]


class _Tables(NamedTuple):
    surname: re.Pattern[str]
    given: frozenset[str]
    words: frozenset[str]
    compounds: frozenset[str]


@functools.cache
def _tables() -> _Tables:
    _, singles, compounds = (_DATA / "surnames.txt").read_text(encoding="utf-8").splitlines()
    rows = (_DATA / "not_names.txt").read_text(encoding="utf-8").splitlines()[1:]
    words = {row[0] + second for row in rows for second in row[2:]}
    given = (_DATA / "given.txt").read_text(encoding="utf-8").split("\n", 1)[1]
    return _Tables(
        re.compile(f"{'|'.join(compounds.split())}|[{singles}]"),
        frozenset(given) - _NOT_GIVEN - {"\n"},
        frozenset(words),
        frozenset(compounds.split()),
    )


def left_words() -> dict[str, str]:
    """Words that may stand before a name, with what each says."""
    kinds = {
        word.replace("_", " "): kind for kind, words in _LEFT.items() for word in words.split()
    }
    return (
        kinds
        | dict.fromkeys(_LATIN, "latin")
        | dict.fromkeys(f"{_TITLES} {_POSSESSED}".split(), "title")
    )


def _refused(name: str) -> bool:
    return name in _FAMOUS or _NO_NAME.match(name) is not None


def _end_loose(text: str, start: int, given: int) -> int:
    """The end of a name behind a colon: what stands before the next stop, if it can be one."""
    tables = _tables()
    for length in (2, 1):
        end = given + length
        chars = text[given:end]
        if len(chars) < length or not _STOP.match(text, end) or not all(map(_is_han, chars)):
            continue
        if chars[0] in "们某" or text[start:end] in tables.words or _TITLE.match(chars):
            return 0
        if text[start : start + 2] in tables.words and not set(chars) <= tables.given:
            return 0
        return end
    return 0


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"


def _end_strict(text: str, start: int, given: int, thorough: bool) -> int:
    """The end of a name that is told from words: its characters and what follows must fit."""
    tables = _tables()
    if _wordlike(text, start, given):
        return 0
    best = 0
    for length in (2, 1):
        end = given + length
        chars = text[given:end]
        if len(chars) < length or not all(c in tables.given for c in chars):
            continue
        if _TITLE.match(chars):
            return 0
        best = best or (length == 2 and not thorough and end)
        if _ENDS.match(text, end) and not (length == 1 and thorough and not _STOP.match(text, end)):
            return end
    return best


def _wordlike(text: str, start: int, given: int) -> bool:
    """Whether a single surname and the character behind it make an ordinary word."""
    return given - start == 1 and text[start : start + 2] in _tables().words


def _name(text: str, at: int, kind: str) -> int:
    """The end of the name that begins at ``at``, 0 for none."""
    dotted = _DOTTED.match(text, at) if kind in ("loose", "form", "called") else None
    if dotted:
        return dotted.end()
    surname = _tables().surname.match(text, at)
    if surname is None or (text[at] in _RISKY and kind != "loose"):
        return 0
    given = surname.end()
    end = _end_loose(text, at, given) if kind == "loose" else 0
    if not end:
        end = _end_strict(text, at, given, kind == "weak")
    return 0 if end and _refused(text[at:end]) else end


def _hit(text: str, start: int, end: int, score: float, why: str) -> Hit:
    if _PLACEHOLDER.match(text, start):
        return Hit(start, end, "pii.name", 0.5, "placeholder name, labelled")
    return Hit(start, end, "pii.name", score, why)


#: (score, why) by the kind of the word on the left.
_SCORES = {
    "loose": (0.85, "surname, labelled"),
    "form": (0.8, "surname, behind a role"),
    "role": (0.75, "surname, behind a relation"),
    "called": (0.85, "surname, called so"),
    "told": (0.4, "surname, told of"),
    "weak": (0.7, "surname, spoken of"),
}


def _behind(text: str, at: int, kind: str) -> Iterator[Hit]:
    """A name behind a left word, and the names listed after it."""
    link = _LINK.match(text, at)
    assert link is not None
    start = link.end()
    if kind in ("called", "weak", "told"):
        start = at + (text[at : at + 1] == ":")
    elif start > at and kind in ("form", "field"):
        kind = "loose"
    elif kind == "field":
        return
    elif start > at and not link["link"]:
        return
    for _ in range(40):
        end = _name(text, start, kind)
        if not end:
            return
        yield _hit(text, start, end, *_SCORES[kind])
        more = _MORE.match(text, end)
        if more is None or kind in ("told", "called"):
            return
        start, kind = more.end(), "weak" if kind == "weak" else "form"


_CUT = re.compile(r"[好信你我他她的了科是在有和与及或请给由问找对向把说叫让被从跟系班组为]")


def _before_title(text: str, at: int) -> Iterator[Hit]:
    """欧阳慧老师: the name that ends where a title begins."""
    tables = _tables()
    for start in range(max(0, at - 4), at - 1):
        surname = tables.surname.match(text, start, at)
        if surname is None or (at - surname.end()) not in (1, 2):
            continue
        clear = start == 0 or _STOP.match(text, start - 1) or _CUT.match(text, start - 1)
        if clear and not _wordlike(text, start, surname.end()):
            given = text[surname.end() : at]
            if set(given) <= tables.given and not _refused(text[start:at]):
                yield _hit(text, start, at, 0.75, "surname, before a title")
                return


_LATIN_NAME = re.compile(
    r"(?: is|:)\s{1,2}(?P<value>[a-z]{2,15}(?: [a-z]\.?)? [a-z]{2,20})(?![a-z0-9])"
)
#: Surname and given name in Latin letters behind a Chinese label: Chen Xiaoyu, ZHANG/YUEHUA.
_LATIN_FIELD = re.compile(r"(?P<value>[a-z]{2,15}[ /,][ ]?[a-z]{2,20})(?![a-z0-9@._])")


def _latin(view: str, original: Original, at: int, pattern: re.Pattern[str]) -> Iterator[Hit]:
    """``my name is John Smith``: capitals of the original text tell it from ``my name is not``."""
    if match := pattern.match(view, at):
        start, end = match.span("value")
        value = original(start, end)
        words = re.split("[ /,]+", value)
        if all(w[:1].isupper() and (w[1:].islower() or "/" in value) for w in words):
            yield Hit(start, end, "pii.name", 0.85, "two capitalised words, labelled")


def find_at(text: str, begin: int, end: int, kind: str, original: Original) -> Iterator[Hit]:
    """Names at a word of :func:`left_words` that stands at ``begin..end`` of a folded text."""
    if kind == "latin":
        yield from _latin(text, original, end, _LATIN_NAME)
    elif kind == "title":
        hits = list(_before_title(text, begin))
        yield from hits
        if not hits and text[begin] != "的":
            yield from _behind(text, end, "role")
    elif kind != "never":
        hits = list(_behind(text, end, kind))
        yield from hits
        if (
            not hits
            and kind in ("form", "field")
            and (link := _LINK.match(text, end))
            and link.end() > end
        ):
            yield from _latin(text, original, link.end(), _LATIN_FIELD)


_NUMBER = re.compile(
    rf"(?<![{HAN}a-z0-9])(?P<value>[{HAN}]{{2,4}}?)收?"
    r"[ ,:;(/、]{1,3}(?:男|女)?[ ,:)]{0,3}(?:联系)?(?:(?:电话|手机|身份证|学号|工号|住院|病历|准考证|学籍|卡|微信|qq|tel)号?码?)?[:是 ]{0,2}\Z"
)


def name_before(text: str, at: int) -> Hit | None:
    """A name that stands alone directly before a phone or ID number: 王小明，138…"""
    match = _NUMBER.search(text, max(0, at - 24), at)
    if match is None:
        return None
    start, stop = match.span("value")
    surname = _tables().surname.match(text, start)
    if surname is None or stop - surname.end() not in (1, 2) or _TITLE.match(text, surname.end()):
        return None
    if (
        set(text[surname.end() : stop]) & _NOT_GIVEN
        or text[start : start + 2] in _tables().words
        or _refused(text[start:stop])
    ):
        return None
    return _hit(text, start, stop, 0.7, "surname, before a number")


_CLAUSE_NAME = re.compile(rf"(?:^|[^{HAN}a-z0-9])(?P<v>[{HAN}]{{2,4}})\Z")


def find_sexed(text: str) -> Iterator[Hit]:
    """王小明，女，58岁: names at the beginning of a clause with the sex behind them."""
    for match in _SEX.finditer(text):
        low = max(0, match.start() - 5)
        name = _CLAUSE_NAME.search(text[low : match.start()])
        if name is not None:
            start = low + name.start("v")
            if _name(text, start, "loose") == match.start():
                yield _hit(text, start, match.start(), 0.8, "surname, sex behind it")


@functools.cache
def openers(kind: str) -> frozenset[str] | None:
    """First characters without which no name can follow a word of this kind; None: any may."""
    if kind in ("weak", "told", "role", "form", "field"):
        _, singles, compounds = (_DATA / "surnames.txt").read_text(encoding="utf-8").splitlines()
        firsts = {*singles, *(name[0] for name in compounds.split())}
        links = (
            ""
            if kind in ("weak", "told")
            else " \t\n\"'“‘「『()[【*|:=-—0123456789签姓名就是为叫写改换"
        )
        return frozenset({*firsts, ":", *links})
    return None
