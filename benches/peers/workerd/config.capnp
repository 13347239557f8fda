# One isolate that answers on a port of the bench's choice: `workerd serve config.capnp --socket-addr http=ADDRESS`.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "rule", worker = .rule) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "rule") ],
);

const rule :Workerd.Worker = (
  modules = [ (name = "rule.js", esModule = embed "rule.js") ],
  compatibilityDate = "2026-09-01",
);
