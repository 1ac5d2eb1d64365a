//! `{{#if}}` and `{{#unless}}` that refuse a missing variable.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy as _, Output, PathAndJson, RenderContext,
    RenderErrorReason, Renderable as _,
};

/// The helpers that Handlebars has under these names take a missing variable as false, even in strict mode. An override with a
/// misspelt or renamed variable would lose a warning of the consent page without a sign. `{{#each}}` and `{{#with}}` refuse a
/// missing variable in strict mode, unless the block has an `{{else}}`: then a missing variable counts as an empty one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    If,
    Unless,
}

impl HelperDef for Condition {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let value = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("if", 0))?;
        if value.is_value_missing() && !is_part_of_null(value, context, render) {
            return Err(RenderErrorReason::MissingVariable(value.relative_path().cloned()).into());
        }
        let holds = value.value().is_truthy(false) == matches!(self, Condition::If);
        match if holds { helper.template() } else { helper.inverse() } {
            Some(block) => block.render(registry, context, render, out),
            None => Ok(()),
        }
    }
}

/// True for `policy.uri` on a page whose `policy` is null: the page has the variable, but no value.
fn is_part_of_null(value: &PathAndJson<'_>, context: &Context, render: &RenderContext<'_, '_>) -> bool {
    let mut path = value.relative_path().map_or("", String::as_str);
    while let Some((parent, _)) = path.rsplit_once(['.', '/']) {
        match render.evaluate(context, parent) {
            Ok(found) if found.is_missing() => path = parent,
            Ok(found) => return found.as_json().is_null(),
            Err(_) => return false,
        }
    }
    false
}
