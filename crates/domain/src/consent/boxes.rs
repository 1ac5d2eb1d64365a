//! The boxes of optional scopes: ticked or not when the consent page is opened.

use crate::issuer::{Choice, Effect, Issuer, OptionalScopes, Resource, ScopeDefinition};
use crate::scope::Scopes;

/// Boxes that a link of the consent page ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Those of scopes that change nothing.
    ReadOnly,
    /// All.
    Everything,
}

impl Preset {
    /// The preset, if a page of ours linked to it. Another website could otherwise open the page with boxes ticked that an
    /// operator wants the person to tick. A missing `Sec-Fetch-Site` header proves nothing.
    pub fn followed(self, sec_fetch_site: Option<&str>) -> Option<Self> {
        (sec_fetch_site == Some("same-origin")).then_some(self)
    }
}

/// The scopes of `asked` that have an unticked box. A preset comes first, then `earlier`, the scopes of the person's earlier
/// approval of the same request, then the operator's setting.
pub fn unticked(
    issuer: &Issuer,
    resource: &Resource,
    asked: &Scopes,
    earlier: Option<&Scopes>,
    preset: Option<Preset>,
) -> Scopes {
    let starts_ticked = |definition: &ScopeDefinition| match (preset, earlier) {
        (Some(Preset::ReadOnly), _) => definition.effect == Effect::ReadOnly,
        (Some(Preset::Everything), _) => true,
        (None, Some(earlier)) => earlier.contains(&definition.scope),
        (None, None) => issuer.optional_scopes == OptionalScopes::Ticked,
    };
    let optional = resource.describe(asked).filter(|definition| definition.choice == Choice::Optional);
    optional.filter(|definition| !starts_ticked(definition)).map(|definition| definition.scope.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;

    /// Requirements: E3, E4.
    #[test]
    fn boxes_start_as_configured_then_as_answered_then_as_a_link_says() {
        let mut issuer = issuer();
        for definition in &mut issuer.resources[0].scopes[1..] {
            definition.choice = Choice::Optional;
        }
        issuer.resources[0].scopes[1].effect = Effect::ReadOnly;
        let scopes = |text| Scopes::parse(text).unwrap();
        let all = scopes("read write admin");
        let (read_only, everything) = (Some(Preset::ReadOnly), Some(Preset::Everything));
        for (policy, earlier, preset, expected) in [
            (OptionalScopes::Ticked, None, None, ""),
            (OptionalScopes::Unticked, None, None, "admin write"),
            (OptionalScopes::Ticked, Some(scopes("read write")), None, "admin"),
            (OptionalScopes::Unticked, Some(scopes("read write")), None, "admin"),
            (OptionalScopes::Unticked, Some(all.clone()), None, ""),
            (OptionalScopes::Ticked, None, read_only, "admin"),
            (OptionalScopes::Unticked, Some(scopes("read")), read_only, "admin"),
            (OptionalScopes::Unticked, Some(scopes("read")), everything, ""),
        ] {
            issuer.optional_scopes = policy;
            let unticked = |asked| unticked(&issuer, &issuer.resources[0], asked, earlier.as_ref(), preset).to_string();
            assert_eq!(unticked(&all), expected, "{policy:?} {earlier:?} {preset:?}");
            assert_eq!(unticked(&scopes("read")), "", "a scope that was not requested has no box");
        }
    }

    /// Requirements: E3.
    #[test]
    fn only_a_page_of_ours_ticks_boxes() {
        for preset in [Preset::ReadOnly, Preset::Everything] {
            for site in [None, Some("none"), Some("cross-site"), Some("same-site"), Some("same-origin, none"), Some("")]
            {
                assert_eq!(preset.followed(site), None, "{site:?}");
            }
            assert_eq!(preset.followed(Some("same-origin")), Some(preset));
        }
    }
}
