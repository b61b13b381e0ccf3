use arcstr::ArcStr;

/// A text that may be part of a longer one and share its memory, which it keeps as long as it lives.
pub(crate) type Text = arcstr::Substr;

/// `part` as a part of `whole`; a text of its own if it stands elsewhere, since it had to be decoded.
pub(crate) fn part_of(whole: &ArcStr, part: &str) -> Text {
    // A part is known by its place, which takes 32 bits.
    let reachable = u32::try_from(whole.len()).is_ok();
    let shared = reachable.then(|| whole.try_substr_from(part)).flatten();
    shared.unwrap_or_else(|| part.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_a_text_shares_its_memory() {
        let whole = ArcStr::from("from shop to alice");
        let shop = part_of(&whole, &whole[5..9]);
        assert_eq!(shop, "shop");
        assert!(ArcStr::ptr_eq(shop.parent(), &whole));

        let elsewhere = part_of(&whole, "shop");
        assert_eq!(elsewhere, shop);
        assert!(!ArcStr::ptr_eq(elsewhere.parent(), &whole));
        assert_eq!(part_of(&whole, &whole[..0]), "");
    }
}
