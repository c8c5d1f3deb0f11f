-- Health of an InferenceService in every deployment mode, ModelMesh included.
-- `status.observedGeneration` is not read: KServe copies it from the Deployment or the Knative Service, which count for
-- themselves. Only `Ready` is judged: other conditions may be advice (OciImageVolumeCompatible) or inverted (Stopped).
local hopeless = {
  FailedCreate = true,
  InvalidGPUAllocation = true,
  InvalidWorkerSpecNotSet = true,
  ReconcileFailed = true,
}

local function joined(parts)
  local said = {}
  for _, part in ipairs(parts) do
    if part ~= "" then
      table.insert(said, part)
    end
  end
  return table.concat(said, ": ")
end

local model = obj.status ~= nil and obj.status.modelStatus or {}
local states = model.states or {}
local transition = model.transitionStatus or ""

if obj.status == nil or (obj.status.conditions == nil and transition ~= "InvalidSpec") then
  return { status = "Progressing", message = "Waiting for KServe to report a status" }
end

local ready = { status = "Unknown" }
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Stopped" and condition.status == "True" then
    return { status = "Suspended", message = "Stopped" }
  end
  if condition.type == "Ready" then
    ready = condition
  end
end

local failure = model.lastFailureInfo or {}

-- Argo CD applies a model and its runtime at the same time. Where KServe meets the model first, it writes that there is no
-- runtime, and does not take that back before a container of the model has a state: while pods wait for a GPU or a volume,
-- the model would be Degraded. From KServe 0.16 on the status names the runtime once it is found; before that a Ready that
-- is False shows it, which comes from the Deployment or the Knative Service. ModelMesh reports neither in this way.
local function runtime_found()
  local named = (obj.status.servingRuntimeName or "") .. (obj.status.clusterServingRuntimeName or "") -- one of the two
  if named == "" then
    return ready.status == "False"
  end
  local predictor = obj.spec ~= nil and obj.spec.predictor or {}
  return predictor.model ~= nil and predictor.model.runtime == named
end

local outdated = transition == "InvalidSpec"
  and failure.reason == "RuntimeNotRecognized"
  and (states.activeModelState or "") == ""
  and runtime_found()

if not outdated and (transition == "BlockedByFailedLoad" or transition == "InvalidSpec") then
  local exit = ""
  if failure.exitCode ~= nil and failure.exitCode ~= 0 then
    exit = "exit code " .. tostring(failure.exitCode)
  end
  return {
    status = "Degraded",
    message = joined({ transition, failure.reason or "", exit, failure.message or "" }),
  }
end

local message = joined({ "Ready is " .. ready.status, ready.reason or "", ready.message or "" })

if ready.status == "True" then
  -- Ready without a copy is scaled to zero, which KServe calls InProgress with the target Pending.
  if transition == "InProgress" and states.targetModelState ~= "Pending" then
    return { status = "Progressing", message = "Ready; another version of the model is loading" }
  end
  return { status = "Healthy", message = "Ready" }
end

-- An empty transition without a state: KServe has not seen a pod of the model yet.
local unseen = obj.status.modelStatus ~= nil and transition == "" and states.activeModelState == nil
local active = states.activeModelState
local loading = unseen or outdated or transition == "InProgress" or active == "Pending" or active == "Loading"
if ready.status == "False" and (hopeless[ready.reason or ""] or not loading) then
  return { status = "Degraded", message = message }
end
return { status = "Progressing", message = message }
