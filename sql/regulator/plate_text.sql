/*
description: >-
  A number plate as the feeds keep it: half-width, capital letters, without blanks, dots and dashes.
  SELECT overload.plate_text('豫q·１2345')
arguments:
  written: plate as somebody wrote it
returns: the plate
*/
CREATE OR REPLACE MACRO overload.plate_text(written) AS (
    regexp_replace(
        upper(translate(
            written,
            '０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ？＊－．　',
            '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ?*-. '
        )),
        '[\s\x{00A0}\x{2009}\x{202F}·•・.\-]', '', 'g'
    )
)
