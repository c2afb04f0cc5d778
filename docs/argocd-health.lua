-- Health of OrdinalSet and NodeDaemonSet for Argo CD. In the ConfigMap argocd-cm, once for each kind:
--   resource.customizations.health.berth.dev_OrdinalSet: |
--   resource.customizations.health.berth.dev_NodeDaemonSet: |
-- It says what kstatus says, and "Suspended" while a rollout is paused.
local health = { status = "Progressing", message = "Waiting for the first status" }
if obj.status == nil then
  return health
end
-- Where the spec cannot be recorded the condition alone is about it.
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" and condition.observedGeneration == obj.metadata.generation then
    health.status, health.message = "Degraded", condition.message
    return health
  end
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the spec to be observed"
  return health
end
local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end
local ready, stalled, progressing = found["Ready"], found["Stalled"], found["Progressing"]
if stalled ~= nil and stalled.status == "True" then
  health.status, health.message = "Degraded", stalled.message
elseif progressing ~= nil and progressing.reason == "Paused" then
  health.status, health.message = "Suspended", progressing.message
elseif ready ~= nil and ready.status == "True" then
  health.status, health.message = "Healthy", ready.message
elseif ready ~= nil then
  health.message = ready.message
end
return health
