//! The scripts of the stream.

crate::script::scripts! {
    OFFER = "offer.lua"
    TEND = "tend.lua"
    TAKE = "take.lua"
    RENEW = "renew.lua"
    DONE = "done.lua"
    GIVE_BACK = "give_back.lua"
    LEAVE = "leave.lua"
}
