//! The HTML pages. Every page says that its users are made up. Handlebars escapes the values; there is no script.

use handlebars::Handlebars;
use serde::Serialize;

use super::config::User;
use super::memory::Scopes;

pub(super) struct Pages(Handlebars<'static>);

#[derive(Serialize)]
pub(super) struct HomePage<'a> {
    pub(super) issuer: &'a str,
    pub(super) users: &'a [User],
}

#[derive(Serialize)]
pub(super) struct LoginPage<'a> {
    /// The authorization request, for the action URL of the form.
    pub(super) query: &'a str,
    pub(super) form_token: &'a str,
    pub(super) users: &'a [User],
}

#[derive(Serialize)]
pub(super) struct ConsentPage<'a> {
    pub(super) query: &'a str,
    pub(super) form_token: &'a str,
    pub(super) client_name: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) name: &'a str,
    pub(super) scopes: &'a Scopes,
}

#[derive(Serialize)]
pub(super) struct ProblemPage<'a> {
    pub(super) problem: &'a str,
}

#[expect(clippy::expect_used, reason = "the templates are embedded, and a test renders all of them")]
impl Pages {
    pub(super) fn compile() -> Self {
        let mut pages = Handlebars::new();
        pages.set_strict_mode(true);
        for (name, template) in [
            ("layout", include_str!("../../pages/layout.hbs")),
            ("home", include_str!("../../pages/home.hbs")),
            ("login", include_str!("../../pages/login.hbs")),
            ("consent", include_str!("../../pages/consent.hbs")),
            ("problem", include_str!("../../pages/problem.hbs")),
        ] {
            pages.register_template_string(name, template).expect("a well-formed template");
        }
        Self(pages)
    }

    pub(super) fn home(&self, page: &HomePage<'_>) -> String {
        self.render("home", page)
    }

    pub(super) fn login(&self, page: &LoginPage<'_>) -> String {
        self.render("login", page)
    }

    pub(super) fn consent(&self, page: &ConsentPage<'_>) -> String {
        self.render("consent", page)
    }

    pub(super) fn problem(&self, page: &ProblemPage<'_>) -> String {
        self.render("problem", page)
    }

    fn render(&self, name: &str, page: &impl Serialize) -> String {
        self.0.render(name, page).expect("a page with all its values")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_renders_and_warns_of_made_up_users() {
        let pages = Pages::compile();
        let users = [User {
            name: "Ada <Example>".to_owned(),
            login: "ada".to_owned(),
            email: "ada@example.com".to_owned(),
            sub: "1001".to_owned(),
        }];
        let scopes = Scopes::from(["openid".to_owned()]);
        let (query, form_token) = ("client_id=c&state=\"><b>", "token");
        let (client_name, redirect_uri) = ("gateway", "http://127.0.0.1/cb");
        for html in [
            pages.home(&HomePage { issuer: "http://127.0.0.1:9001", users: &users }),
            pages.login(&LoginPage { query, form_token, users: &users }),
            pages.consent(&ConsentPage {
                query,
                form_token,
                client_name,
                redirect_uri,
                name: &users[0].name,
                scopes: &scopes,
            }),
            pages.problem(&ProblemPage { problem: "No such client." }),
        ] {
            assert!(html.contains("made-up users, do not use in production"), "{html}");
            assert!(!html.contains("<b>") && !html.contains("<Example>") && !html.contains("<script"), "{html}");
        }
    }
}
