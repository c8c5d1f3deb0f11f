// The same objects with Jsonnet and nothing else. `projects` and `environment` are the texts of the values.
local mergeDeep(below, above) =
  if std.isObject(below) && std.isObject(above) then
    below + { [key]: if std.objectHas(below, key) then mergeDeep(below[key], above[key]) else above[key] for key in std.objectFields(above) }
  else above;
local values = mergeDeep(std.parseYaml(std.extVar('projects')), std.parseYaml(std.extVar('environment')));
local facts = values.facts;
local can = facts.can;
local get(item, key, other) = if std.objectHas(item, key) then item[key] else other;
local without(item, key) = { [each]: item[each] for each in std.objectFields(item) if each != key };
local shown = { 'opendatahub.io/dashboard': 'true' };

local namespace(project, spec) = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: project,
    labels: shown + { 'modelmesh-enabled': 'false' },
    annotations: {
      'openshift.io/display-name': get(spec, 'displayName', project),
      'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
    },
  },
};

local secret(project, name, connection) = {
  apiVersion: facts.secrets.apiVersion,
  kind: 'ExternalSecret',
  metadata: {
    name: name,
    namespace: project,
    annotations: { 'argocd.argoproj.io/sync-options': 'SkipDryRunOnMissingResource=true' },
  },
  spec: {
    refreshInterval: '1h',
    secretStoreRef: facts.secrets.store,
    target: {
      name: name,
      template: {
        type: 'Opaque',
        mergePolicy: 'Merge',
        metadata: {
          labels: shown + { 'opendatahub.io/managed': 'true' },
          annotations: {
            'openshift.io/display-name': get(connection, 'displayName', name),
            'opendatahub.io/connection-type-ref': 's3',
            'opendatahub.io/connection-type': 's3',
          } + (if can.connectionDescriptionAlways then { 'openshift.io/description': get(connection, 'description', '') } else {})
            + (if can.connectionProtocolAnnotation then { 'opendatahub.io/connection-type-protocol': 's3' } else {}),
        },
        data: {
          AWS_S3_ENDPOINT: connection.s3.endpoint,
          AWS_DEFAULT_REGION: connection.s3.region,
          AWS_S3_BUCKET: connection.s3.bucket,
        },
      },
    },
    data: [
      { secretKey: key, remoteRef: { key: '%s/%s/%s' % [facts.secrets.keyPrefix, project, name], property: key } }
      for key in ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
    ],
  },
};

local runtimeOf(project, name, model) =
  local runtime = facts.runtimes[model.runtime];
  {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ServingRuntime',
    metadata: {
      name: name,
      namespace: project,
      labels: shown,
      annotations: {
        'openshift.io/display-name': if can.runtimeDisplayName == 'template' then runtime.displayName else name,
        'opendatahub.io/template-name': runtime.templateName,
        'opendatahub.io/template-display-name': runtime.displayName,
        'opendatahub.io/apiProtocol': runtime.apiProtocol,
      } + (if can.runtimeScope then { 'opendatahub.io/serving-runtime-scope': 'global' } else {})
        + (if can.runtimeAcceleratorName then { 'opendatahub.io/accelerator-name': model.accelerator.name } else {})
        + runtime.annotations,
    },
    spec: without(runtime.spec, 'containers') + {
      containers: [
        { image: runtime.images[container.name] } + container
        + (if can.runtimeSharedMemory then { volumeMounts: [{ name: 'shm', mountPath: '/dev/shm' }] } else {})
        for container in runtime.spec.containers
      ],
    } + (if can.runtimeSharedMemory then { volumes: [{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '2Gi' } }] } else {}),
  };

local service(project, name, model) =
  local runtime = facts.runtimes[model.runtime];
  local accelerator = facts.accelerators[model.accelerator.name];
  local tokens = get(model, 'tokens', []);
  {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: name,
      namespace: project,
      labels: shown + (if get(model, 'route', false) then { 'networking.kserve.io/visibility': 'exposed' } else {}),
      annotations: {
        'openshift.io/display-name': get(model, 'displayName', name),
        'serving.kserve.io/deploymentMode': facts.modeStandard,
      } + (if can.inferenceDescription then { 'openshift.io/description': get(model, 'description', '') } else {})
        + (if can.modelType != false && can.modelType != null then { 'opendatahub.io/model-type': runtime.modelType } else {})
        + (if std.length(tokens) > 0 || can.enableAuthAlways then { 'security.opendatahub.io/enable-auth': if std.length(tokens) > 0 then 'true' else 'false' } else {})
        + (if can.connectionAnnotation then { 'opendatahub.io/connections': model.location.connection, 'opendatahub.io/connection-path': model.location.path } else {}),
    },
    spec: {
      predictor: {
        minReplicas: model.replicas,
        maxReplicas: model.replicas,
        tolerations: accelerator.tolerations,
        model: {
          modelFormat: { name: runtime.format },
          runtime: name,
          args: model.args,
          env: [{ name: key, value: model.env[key] } for key in std.objectFields(model.env)],
          resources: {
            [kind]: facts.sizes[model.size][kind] + { [accelerator.identifier]: '%d' % model.accelerator.count }
            for kind in std.objectFields(facts.sizes[model.size])
          },
        } + (if can.connectionAnnotation then {} else { storage: { key: model.location.connection, path: model.location.path } }),
      },
    },
  };

local access(project, name, model) =
  local tokens = get(model, 'tokens', []);
  local place = { namespace: project };
  if std.length(tokens) == 0 then [] else [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: place { name: name + '-sa' } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: place { name: name + '-view-role', labels: shown },
      rules: [{ verbs: ['get'], apiGroups: ['serving.kserve.io'], resources: ['inferenceservices'], resourceNames: [name] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: place { name: name + '-view', labels: shown },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: name + '-view-role' },
      subjects: [{ kind: 'ServiceAccount', name: name + '-sa', namespace: project }],
    },
  ] + [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: place {
        name: '%s-%s-sa' % [token, name],
        labels: shown,
        annotations: { 'kubernetes.io/service-account.name': name + '-sa', 'openshift.io/display-name': token },
      },
      type: 'kubernetes.io/service-account-token',
    }
    for token in tokens
  ];

std.flattenArrays([
  local spec = values.projects[project];
  [namespace(project, spec)]
  + [secret(project, name, spec.connections[name]) for name in std.objectFields(spec.connections)]
  + std.flattenArrays([
    [runtimeOf(project, name, spec.models[name]), service(project, name, spec.models[name])] + access(project, name, spec.models[name])
    for name in std.objectFields(spec.models)
  ])
  for project in std.objectFields(values.projects)
])
