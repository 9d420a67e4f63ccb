//! `lm-portal user …`.

use serde_json::json;

use super::arguments::{Global, User};
use super::{Fresh, open, print, print_json};
use crate::error::Result;

pub(super) fn run(global: &Global, command: User) -> Result<()> {
    let portal = open(global, Fresh::Refuse)?;
    let (name, password) = match command {
        User::Add { name, role } => {
            let password = portal.add_user(&name, role.into())?;
            (name, password)
        }
        User::Password { name } => {
            let password = portal.reset_password(&name)?;
            (name, password)
        }
    };
    if global.json {
        print_json(&json!({ "user": name, "password": password }))
    } else {
        print(&format!("{password}\n"))
    }
}
