"""Keys of further services that their own first characters name.

Facts about the formats come from the issuers' public documentation.
"""

from __future__ import annotations

import re

from guard.detectors.secret_shapes import _END, Shape, _behind, _key, _token

_U = "[0-9a-z_-]"


def _inside(id: str, word: str, pattern: str) -> Shape:
    """A key whose keyword stands in its middle; the pattern begins at the keyword."""
    return Shape(id, "secret.key", (word,), re.compile(pattern + _END), 0.95)


VENDORS: tuple[Shape, ...] = (
    _key("adobe client secret", "p8e-", r"p8e-[0-9a-z]{32}"),
    _key("age secret key", "age-secret-key-1", r"age-secret-key-1[0-9a-z]{58}"),
    _key("airtable token", "pat", r"pat[0-9a-z]{14}\.[0-9a-f]{64}"),
    _key("artifactory key", "akc akcp", r"akc[0-9a-z]{20,200}", "AKC"),
    _token("atlassian token", "atatt3 atbb", r"(?:atatt3|atbb)[0-9a-z_=-]{28,250}", "AT"),
    _key("baidu cloud key", "altak", r"altak[0-9a-z]{21}", "ALTAK"),
    _token("clojars token", "clojars_", r"clojars_[0-9a-z]{60}"),
    _token("databricks token", "dapi", r"dapi[0-9a-f]{32}"),
    _token("digitalocean token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("docker token", "dckr_pat_", rf"dckr_pat_{_U}{{27}}"),
    _token("doppler token", "dp.", r"dp\.(?:pt|st|ct|scim|audit)\.[0-9a-z.]{40,60}"),
    _token("dropbox token", "sl.", rf"sl\.{_U}{{130,180}}", "sl"),
    _token("duffel token", "duffel_live_ duffel_test_", rf"duffel_(?:live|test)_{_U}{{43}}"),
    _token("dynatrace token", "dt0c01.", r"dt0c01\.[0-9a-z]{24}\.[0-9a-z]{64}"),
    _key("easypost key", "ezak ezat eztk", r"ez[at][kt][0-9a-z]{54}"),
    _token("facebook token", "eaa", r"eaa[0-9a-z]{80,300}", "EAA"),
    _key("flutterwave key", "flwseck", r"flwseck(?:_test)?-[0-9a-z]{12,40}-x"),
    _token("frameio token", "fio-u-", rf"fio-u-{_U}{{64}}"),
    _token("grafana token", "glc_ glsa_", r"(?:glc|glsa)_[0-9a-z_+/=]{32,400}"),
    _token("vault token", "hvs. hvb.", rf"hv[sb]\.{_U}{{90,200}}"),
    _inside("terraform token", ".atlasv1.", rf"\.(?P<v>atlasv1\.{_U}{{60,70}})"),
    _key("ibm cloud key", "ibm_cloud_api_key", r"ibm_cloud_api_key[=:]\s?[0-9a-z_-]{44}"),
    _token("linear token", "lin_api_", r"lin_api_[0-9a-z]{40}"),
    _inside("mailchimp key", "-us", r"-us(?<=(?P<v>[0-9a-f]{32}-us))[0-9]{1,2}"),
    _key("mailgun key", "key- pubkey-", r"(?:pub)?key-[0-9a-f]{32}"),
    _token("mapbox token", "sk.eyj pk.eyj", rf"[sp]k\.eyj{_U}{{40,120}}\.{_U}{{22}}"),
    _key("new relic key", "nrak- nrii- nrjs-", r"nr(?:ak|ii|js)-[0-9a-z_-]{19,42}"),
    _token("notion token", "ntn_ secret_", r"(?:ntn|secret)_[0-9a-z]{43,50}", "(?:ntn|secret)_"),
    _token("planetscale token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[0-9a-z_.-]{32,64}"),
    _key("postman key", "pmak-", r"pmak-[0-9a-f]{24}-[0-9a-f]{34}"),
    _token("prefect token", "pnu_", r"pnu_[0-9a-z]{36}"),
    _token("pulumi token", "pul-", r"pul-[0-9a-f]{40}"),
    _token("readme token", "rdme_", r"rdme_[0-9a-z]{70}"),
    _token("rubygems token", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _token("scalingo token", "tk-us-", rf"tk-us-{_U}{{48}}"),
    _key("sendinblue key", "xkeysib-", r"xkeysib-[0-9a-f]{64}-[0-9a-z]{16}"),
    _token("sentry token", "sntrys_ sntryu_", r"sntry[su]_[0-9a-z_=+/]{64,200}"),
    _token("shippo token", "shippo_live_ shippo_test_", r"shippo_(?:live|test)_[0-9a-f]{40}"),
    _token("shopify token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}"),
    _inside(
        "softlayer key", "api.softlayer.com/soap/", r"[a-z./]{24}v3(?:\.1)?/(?P<v>[0-9a-z]{64})"
    ),
    _token("square token", "sq0csp- sq0atp- eaaae", r"(?:sq0(?:csp|atp)-|eaaae)[0-9a-z_-]{22,60}"),
    _token("supabase token", "sbp_", r"sbp_[0-9a-f]{40}"),
    _inside("telegram bot token", ":aa", rf":(?P<v>aa{_U}{{33}})"),
    _key("twilio key", "sk ac", r"(?:sk|ac)[0-9a-f]{32}", r"(?:SK|AC)[0-9a-f]{32}\Z"),
    _token("typeform token", "tfp_", r"tfp_[0-9a-z_.=-]{50,70}"),
    _token("yandex token", "aqvn y0_ t1.", r"(?:aqvn[0-9a-z_-]{35,38}|y0_[0-9a-z_-]{50,60})"),
    _behind(
        "secret.key",
        "zhipu key",
        "zhipuai_api_key zhipu_api_key bigmodel_api_key 智谱",
        r"[0-9a-f]{32}\.[0-9a-z]{16}",
        0.95,
    ),
    _behind(
        "secret.key",
        "labelled key",
        "hmac_key_id hmac_secret access_key_id account_key private_key_id encryption_key"
        " signing_key master_key api_secret secret api_token bot_token",
        r"[0-9a-z/+_.-]{20,120}={0,2}",
        0.8,
    ),
)
