"""The currencies of ISO 4217 and their numbers of minor digits."""

from dataclasses import dataclass
from typing import Final

from domain.errors import Invalid

#: Active codes of ISO 4217 list one, by their number of minor digits.
_CODES_BY_DIGITS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD"
        " CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP"
        " GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK"
        " LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO"
        " NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS"
        " SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST"
        " XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of ISO 4217; `digits` is the number of digits after the decimal point."""

    code: str
    digits: int

    @staticmethod
    def parse(value: object) -> "Currency":
        """Return the currency with this code.

        Raises:
            Invalid: the value is no active code of ISO 4217 in capitals.
        """
        currency = CURRENCIES.get(value) if isinstance(value, str) else None
        if currency is None:
            raise Invalid.value("unknown-currency", "Must be an ISO 4217 code such as USD.")
        return currency


#: Every currency by its code: USD has 2 minor digits, JPY 0, KWD 3.
CURRENCIES: Final = {
    code: Currency(code, digits)
    for digits, codes in _CODES_BY_DIGITS.items()
    for code in codes.split()
}
