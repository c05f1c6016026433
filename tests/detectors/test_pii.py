"""Personal information: which values are found in which surroundings, and which stay silent."""

from __future__ import annotations

import pytest

from guard.detectors.pii import CATEGORIES, SENSITIVE, PiiDetector
from guard.detectors.pii_checks import id_check_digit, luhn, uscc_check_char
from guard.model import Content, Detector

detector = PiiDetector()


def found(text: str) -> list[tuple[str, str]]:
    (findings,) = detector.find([Content(text)])
    return [(f.category, text[f.where.start : f.where.end]) for f in findings if f.where]


def score(text: str) -> float:
    (findings,) = detector.find([Content(text)])
    assert len(findings) == 1
    return findings[0].score


# Values are made up; IDs have a region and a check digit but belong to nobody on purpose (the
# example of GB 11643), cards use Luhn-correct counting digits.
FOUND = [
    # resident ID
    ("身份证11010519491231002X已核", "pii.id_card", "11010519491231002X"),
    ("他的身份证号是11010519491231002x。", "pii.id_card", "11010519491231002x"),
    (
        "证件１１０１０５１９４９１２３１００２Ｘ",
        "pii.id_card",
        "１１０１０５１９４９１２３１００２Ｘ",
    ),
    ("110105 19491231 002X", "pii.id_card", "110105 19491231 002X"),
    ("110105-19491231-002X", "pii.id_card", "110105-19491231-002X"),
    ("1101 0519 4912 3100 2X", "pii.id_card", "1101 0519 4912 3100 2X"),
    ("身份证号：110105194912310021", "pii.id_card", "110105194912310021"),  # wrong but labelled
    ("身份证号码110105491231002", "pii.id_card", "110105491231002"),
    ("一一零一零五一九四九一二三一零零二X", "pii.id_card", "一一零一零五一九四九一二三一零零二X"),
    # mobile
    ("请拨打13812345678咨询", "pii.phone", "13812345678"),
    ("请拨打138-1234-5678咨询", "pii.phone", "138-1234-5678"),
    ("138 1234 5678", "pii.phone", "138 1234 5678"),
    ("１３８１２３４５６７８找我", "pii.phone", "１３８１２３４５６７８"),
    ("+8613812345678", "pii.phone", "+8613812345678"),
    ("+86 138 1234 5678", "pii.phone", "+86 138 1234 5678"),
    ("0086-13812345678", "pii.phone", "0086-13812345678"),
    ("8613812345678", "pii.phone", "8613812345678"),
    ("+86(138)12345678", "pii.phone", "+86(138)12345678"),
    ("(138)1234-5678", "pii.phone", "(138)1234-5678"),
    ("壹叁捌壹贰叁肆伍陆柒捌", "pii.phone", "壹叁捌壹贰叁肆伍陆柒捌"),
    ("①③⑧①②③④⑤⑥⑦⑧", "pii.phone", "①③⑧①②③④⑤⑥⑦⑧"),
    ("tel13812345678", "pii.phone", "13812345678"),
    ("19912345678", "pii.phone", "19912345678"),
    ("16612345678", "pii.phone", "16612345678"),
    ("13812345678", "pii.phone", "13812345678"),
    ("1 3 8 1 2 3 4 5 6 7 8", "pii.phone", "1 3 8 1 2 3 4 5 6 7 8"),
    ("138\u200b1234\u200b5678", "pii.phone", "138\u200b1234\u200b5678"),
    ("打一三八一二三四五六七八", "pii.phone", "一三八一二三四五六七八"),
    ("幺三八幺两三四五六拐八", "pii.phone", "幺三八幺两三四五六拐八"),
    ("138一二三四5678", "pii.phone", "138一二三四5678"),
    # landline
    ("家里电话010-62345678", "pii.landline", "010-62345678"),
    ("(0755)26712345", "pii.landline", "(0755)26712345"),
    ("0755 2671 2345", "pii.landline", "0755 2671 2345"),
    ("电话：02552345678", "pii.landline", "02552345678"),
    # bank card
    ("卡号6222021234567890128", "pii.bank_card", "6222021234567890128"),
    ("转到6222 0212 3456 7890 128吧", "pii.bank_card", "6222 0212 3456 7890 128"),
    ("6222-0212-3456-7890-128", "pii.bank_card", "6222-0212-3456-7890-128"),
    ("4111111111111111", "pii.bank_card", "4111111111111111"),
    ("银行卡号：6222021234567890127", "pii.bank_card", "6222021234567890127"),
    # e-mail
    ("邮箱lihua_88@163.com谢谢", "pii.email", "lihua_88@163.com"),
    ("ｌｉｈｕａ＠ｑｑ．ｃｏｍ", "pii.email", "ｌｉｈｕａ＠ｑｑ．ｃｏｍ"),
    ("加我lihua#qq.com", "pii.email", "lihua#qq.com"),
    ("lihua @ qq.com", "pii.email", "lihua @ qq.com"),
    ("lihua(at)gmail.com", "pii.email", "lihua(at)gmail.com"),
    ("13812345678@139.com", "pii.email", "13812345678@139.com"),
    # documents
    ("护照E12345678", "pii.passport", "E12345678"),
    ("护照号码：EA1234567。", "pii.passport", "EA1234567"),
    ("回乡证号H12345678", "pii.hkmo_permit", "H12345678"),
    ("往来港澳通行证：C12345678", "pii.hkmo_permit", "C12345678"),
    ("台胞证 12345678", "pii.tw_permit", "12345678"),
    ("军官证：南字第1234567号", "pii.military_id", "南字第1234567号"),
    ("驾驶证档案编号110001234567", "pii.driving_licence", "110001234567"),
    ("统一社会信用代码91350100M000100Y43有效", "pii.uscc", "91350100M000100Y43"),
    # plates
    ("京A12345停在门口", "pii.plate", "京A12345"),
    ("车牌号：粤B·12345", "pii.plate", "粤B·12345"),
    ("京·A12345", "pii.plate", "京·A12345"),
    ("沪AD12345", "pii.plate", "沪AD12345"),
    ("浙A12345D", "pii.plate", "浙A12345D"),
    ("苏E1234学", "pii.plate", "苏E1234学"),
    # accounts
    ("微信号：abc_def88", "pii.wechat", "abc_def88"),
    ("加微信lihua2020聊", "pii.wechat", "lihua2020"),
    ("vx: lihua_xx", "pii.wechat", "lihua_xx"),
    ("QQ：12345678", "pii.qq", "12345678"),
    ("q q：12345678", "pii.qq", "12345678"),
    ("加qq123456789", "pii.qq", "123456789"),
    # network
    ("登录IP 61.135.169.121", "pii.ip", "61.135.169.121"),
    ("来自61.135.169.121的请求", "pii.ip", "61.135.169.121"),
    ("2a02:26f0:1234::1", "pii.ip", "2a02:26f0:1234::1"),
    ("网卡00:1a:2b:3c:4d:5e已绑定", "pii.mac", "00:1a:2b:3c:4d:5e"),
    ("MAC：a4-83-e7-2b-10-6d，", "pii.mac", "a4-83-e7-2b-10-6d"),
    ("mac:00:1a:2b:3c:4d:5e", "pii.mac", "00:1a:2b:3c:4d:5e"),
    ("ipv6:2a02:26f0:1234::1", "pii.ip", "2a02:26f0:1234::1"),
    ("00-1A-2B-3C-4D-5E", "pii.mac", "00-1A-2B-3C-4D-5E"),
    # address
    (
        "家住北京市海淀区中关村大街27号3号楼2单元501室，",
        "pii.address",
        "北京市海淀区中关村大街27号3号楼2单元501室",
    ),
    ("收货地址：杭州市西湖区文三路90号", "pii.address", "杭州市西湖区文三路90号"),
    ("住在幸福小区三号楼四单元五零二室", "pii.address", "幸福小区三号楼四单元五零二室"),
    ("北京市朝阳区建国路甲92号", "pii.address", "北京市朝阳区建国路甲92号"),
    ("住在幸福小区3栋502室", "pii.address", "幸福小区3栋502室"),
    # names
    ("我叫王小明，今年28岁", "pii.name", "王小明"),
    ("我叫李娜今年28岁", "pii.name", "李娜"),
    ("联系人：欧阳小峰 女士", "pii.name", "欧阳小峰"),
    ("姓名：陈静电话", "pii.name", "陈静"),
    ("患者姓名：阿依古丽·买买提", "pii.name", "阿依古丽·买买提"),
    ("my name is John Smith", "pii.name", "John Smith"),
    # numbers by label
    ("住院号：12345678", "pii.medical", "12345678"),
    ("医保卡号A123456789", "pii.medical", "A123456789"),
    ("学号20210101234", "pii.student", "20210101234"),
]

SILENT = [
    "",
    "今天天气怎么样？",
    "他的号110105194912310021写错了",  # wrong check digit, no label
    "6222021234567890127",  # wrong Luhn, no label
    "110199194902310025",  # no such day
    "订单号：13812345678",
    "订单13812345678已发货",
    "运单号 138123456789",
    "1381234567",
    "138123456789",
    "12012345678",  # not allotted
    "时间戳1712345678901",
    "1712345678",
    "0.13812345678",
    "3.1415926535897932384626",
    "电话02512345678转801",  # subscriber numbers do not begin with 1
    "400-820-8888",
    "客服95588，报警110，政务12345",
    "ISBN 978-7-111-12345-6",
    "2023-05-01 12:30:00 至 2023-06-01",
    "价格12,345.67元，共1,234,567件",
    "v1.2.3.4版本",
    "第3.2.10.1节",
    "127.0.0.1 192.168.1.1 10.0.0.8 0.0.0.0 172.16.0.1 8.8.8.8 203.0.113.7",
    "fe80::1 2001:db8::1 ::1",
    "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
    "12:30:45:10:20",
    "icon@2x.png",
    "git@github.com:owner/repo.git",
    "ftp://user:pass@host.org/x",
    "@张三 你好",
    "微信小程序和wechat pay",
    "用微信android版登录",
    "qq飞车、QQ2013",
    "我叫他明天来",
    "姓名和电话都要填",
    "司机姓名是张师傅",
    "联系人：李女士",
    "联系人都不在",
    "护照办理需要3天",
    "通行证过期了",
    "我有12345678901234567890个理由",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "5 5 5 1 3 8 1 2 3 4 5 6 7 8",
    "一二三四五六七八九十百千万",
    "从一到九：一二三四五六七八九",
    "0x13812345678abc",
    "a13812345678b",
    "sha256:3f13812345678aa0",
    "这条路有3个红绿灯",
    "新A股12345",
    "号码1234",
]


@pytest.mark.parametrize(("text", "category", "value"), FOUND)
def test_found(text: str, category: str, value: str) -> None:
    assert found(text) == [(category, value)]


@pytest.mark.parametrize("text", SILENT)
def test_silent(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "glue", ["请{}谢谢", "{}", "（{}）", "：{}，", "『{}』", "是{}吗？", "\n{}\n"]
)
@pytest.mark.parametrize(
    ("category", "value"),
    [
        ("pii.id_card", "11010519491231002X"),
        ("pii.phone", "13812345678"),
        ("pii.bank_card", "6222021234567890128"),
        ("pii.email", "lihua@163.com"),
        ("pii.uscc", "91350100M000100Y43"),
        ("pii.plate", "京A12345"),
        ("pii.ip", "61.135.169.121"),
    ],
)
def test_values_are_found_whatever_touches_them(glue: str, category: str, value: str) -> None:
    assert found(glue.format(value)) == [(category, value)]


def test_several_values_come_in_text_order() -> None:
    text = "王小明13812345678，卡6222021234567890128，身份证11010519491231002X，lihua@163.com"
    assert [c for c, _ in found(text)] == [
        "pii.phone",
        "pii.bank_card",
        "pii.id_card",
        "pii.email",
    ]


@pytest.mark.parametrize(
    "text", ["王小明，13812345678", "收：李娜 电话13812345678", "陈静(女)：11010519491231002X"]
)
def test_a_name_before_a_number_belongs_to_it(text: str) -> None:
    name, _ = found(text)
    assert name[0] == "pii.name"


@pytest.mark.parametrize(
    "text",
    ["时间：13812345678", "王总，13812345678", "房东 13812345678"],
)
def test_other_words_before_a_number_are_no_names(text: str) -> None:
    assert [category for category, _ in found(text)] == ["pii.phone"]


def test_label_raises_the_score_of_a_format() -> None:
    assert score("13812345678") < score("手机：13812345678")
    assert score("京A12345") < score("车牌：京A12345")
    assert score("010-62345678") < score("住宅电话：010-62345678")


def test_validated_kinds_score_at_least_095() -> None:
    for value in ("11010519491231002X", "6222021234567890128", "91350100M000100Y43"):
        assert score(value) >= 0.95


def test_contacts_of_services_and_examples_score_below_half() -> None:
    for text in (
        "客服电话13812345678",
        "官方微信abcdef123",
        "service@example.com",
        "客服QQ800012345",
    ):
        assert score(text) < 0.5


def test_evidence_shows_little() -> None:
    (findings,) = detector.find([Content("手机13812345678，证件11010519491231002X，我叫王小明")])
    assert [f.evidence for f in findings] == ["138****5678", "110****2X", "王****"]


def test_evidence_holds_at_most_half_of_the_value_or_seven_characters() -> None:
    for text, _, value in FOUND:
        (findings,) = detector.find([Content(text)])
        assert len(findings[0].evidence.replace("*", "")) <= max(7, len(value) // 2)


def test_it_is_a_detector_and_names_its_kinds() -> None:
    assert isinstance(detector, Detector)
    assert set(CATEGORIES) >= SENSITIVE
    assert {category for _, category, _ in FOUND} == set(CATEGORIES)


def test_published_examples_of_the_standards() -> None:
    assert id_check_digit("11010519491231002") == "x"  # GB 11643-1999
    assert luhn("79927398713")  # ISO/IEC 7812-1
    assert not luhn("79927398710")
    assert uscc_check_char("91350100m000100y4") == "3"  # GB 32100-2015


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "\ud800",
        "\u202e13812345678",
        "1" * 50000,
        "@" * 50000,
        "1." * 20000,
        "é" + "\u0301" * 10000,
    ],
)
def test_hostile_text_is_checked(text: str) -> None:
    (findings,) = detector.find([Content(text)])
    assert all(f.where and 0 <= f.where.start < f.where.end <= len(text) for f in findings)


def test_a_batch_keeps_its_order_and_other_modalities_have_nothing() -> None:
    batch = [Content("13812345678"), Content("你好"), Content(b"\x89PNG", modality="image")]
    assert [len(findings) for findings in detector.find(batch)] == [1, 0, 0]
