-- Health of an LLMInferenceService (v1alpha1 and v1alpha2).
-- `PresetsCombined` is not part of `Ready`, but where it is False nothing of the spec takes effect. `GroupReady` is not part of it
-- either, and the model serves without. A pod that crashes cannot be told from one that loads: both are Progressing.
local hopeless = {
  HTTPRouteReconcileError = true,
  IstioDestinationRuleReconcileError = true,
  PlatformNetworkingReconcileError = true,
  ReconcileCertsError = true,
  ReconcileMultiNodeWorkloadError = true,
  ReconcileScalingError = true,
  ReconcileSingleNodeWorkloadError = true,
  ReconcileWorkloadPermissionsError = true,
  ReconcileWorkloadServiceError = true,
  RefsInvalid = true,
  ScalingCRDNotFound = true,
  SchedulerReconcileError = true,
}

local function told(condition)
  local said = { condition.type .. " is " .. condition.status }
  if condition.reason ~= nil and condition.reason ~= "" then
    table.insert(said, condition.reason)
  end
  if condition.message ~= nil and condition.message ~= "" then
    table.insert(said, condition.message)
  end
  return table.concat(said, ": ")
end

if obj.status == nil or obj.status.conditions == nil then
  return { status = "Progressing", message = "Waiting for KServe to report a status" }
end

local ready = { type = "Ready", status = "Unknown" }
local stopped = false
local failed = nil
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.status == "False" then
    if condition.reason == "Stopped" then
      stopped = true
    elseif condition.type == "PresetsCombined" or hopeless[condition.reason or ""] then
      failed = failed or condition
    end
  end
end

if stopped and ready.status ~= "True" then
  return { status = "Suspended", message = "Stopped" }
end
if failed ~= nil then
  return { status = "Degraded", message = told(failed) }
end
if ready.status == "True" then
  return { status = "Healthy", message = "Ready" }
end
return { status = "Progressing", message = told(ready) }
