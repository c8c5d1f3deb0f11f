-- Health of a ServingRuntime: it is a definition, and KServe reports no status for it.
if obj.spec ~= nil and obj.spec.disabled == true then
  return { status = "Suspended", message = "Disabled: no model can use it" }
end
return { status = "Healthy", message = "Defined" }
