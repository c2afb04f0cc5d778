# A pod's behaviour: its annotation, else what its images' tags ask for. One place for all stages, which name it $BEHAVIOUR.
# No single quotes here: it stands between them in YAML.
.metadata.annotations["sim.berth.dev/behaviour"] // (
  [.spec.containers[].image | split("/") | last | split("@") | first | split(":") | .[1:] | join(":")]
  | if any(contains("missing")) then "image-error"
    elif any(contains("crash")) then "crash-loop"
    elif any(contains("never-ready")) then "never-ready"
    elif any(contains("slow")) then "slow-start"
    else "normal" end
)
