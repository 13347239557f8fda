//! The scripts of the leases.

crate::script::scripts! {
    RENEW = "renew.lua"
    GIVE_BACK = "give_back.lua"
}
