// One region's factory: every object of this folder, with the region's own names in their places.
//
//   az deployment group create -g vouch-westeurope -f factory.bicep -p parameters/westeurope.json
//
// What the factory may do (docs/data-factory.md) is granted where the accounts and the app are declared. Triggers are
// made stopped. A test holds this file to the folder: every object is here, and the compiler finds no fault in any.

@description('The region, as its lake, its manifests and regions.json name it; the factory and its copies run there.')
param region string

@description('The storage account that holds the region\'s lake, and its resource group.')
param lakeAccount string
param stampGroup string

@description('The storage account of the jurisdiction\'s platform: bronze, and what it stages for the region.')
param platformAccount string
param platformGroup string

@description('The region\'s function app, the URL of its API, and the audience that its tokens name.')
param apiSite string
param apiUrl string
param apiAudience string

@description('The start of the first window that the region has sealed: nothing is older.')
param firstWindow string

@description('How long a run waits for its window before it fails.')
param waitMinutes int = 120

param factoryName string = 'vouch-${region}'

var suffix = environment().suffixes.storage
var lakeId = resourceId(stampGroup, 'Microsoft.Storage/storageAccounts', lakeAccount)
var platformId = resourceId(platformGroup, 'Microsoft.Storage/storageAccounts', platformAccount)
var apiId = resourceId(stampGroup, 'Microsoft.Web/sites', apiSite)
var referenceContainer = loadJsonContent('factory/vouch.json').properties.globalParameters.reference_container.value

resource factory 'Microsoft.DataFactory/factories@2018-06-01' = {
  name: factoryName
  location: region
  identity: { type: 'SystemAssigned' }
  properties: {
    globalParameters: {
      region: { type: 'string', value: region }
      lake_url: { type: 'string', value: 'https://${lakeAccount}.blob.${suffix}' }
      lake_container: loadJsonContent('factory/vouch.json').properties.globalParameters.lake_container
      platform_url: { type: 'string', value: 'https://${platformAccount}.blob.${suffix}' }
      bronze_container: loadJsonContent('factory/vouch.json').properties.globalParameters.bronze_container
      reference_container: loadJsonContent('factory/vouch.json').properties.globalParameters.reference_container
      api_url: { type: 'string', value: apiUrl }
      api_audience: { type: 'string', value: apiAudience }
      wait_minutes: { type: 'int', value: waitMinutes }
    }
  }
}

resource network 'Microsoft.DataFactory/factories/managedVirtualNetworks@2018-06-01' = {
  parent: factory
  name: 'default'
  properties: loadJsonContent('managedVirtualNetwork/default.json').properties
}

resource lakeEndpoint 'Microsoft.DataFactory/factories/managedVirtualNetworks/managedPrivateEndpoints@2018-06-01' = {
  parent: network
  name: 'lake'
  properties: {
    ...loadJsonContent('managedVirtualNetwork/default/managedPrivateEndpoint/lake.json').properties
    privateLinkResourceId: lakeId
  }
}

resource platformEndpoint 'Microsoft.DataFactory/factories/managedVirtualNetworks/managedPrivateEndpoints@2018-06-01' = {
  parent: network
  name: 'platform'
  properties: {
    ...loadJsonContent('managedVirtualNetwork/default/managedPrivateEndpoint/platform.json').properties
    privateLinkResourceId: platformId
  }
}

resource apiEndpoint 'Microsoft.DataFactory/factories/managedVirtualNetworks/managedPrivateEndpoints@2018-06-01' = {
  parent: network
  name: 'api'
  properties: {
    ...loadJsonContent('managedVirtualNetwork/default/managedPrivateEndpoint/api.json').properties
    privateLinkResourceId: apiId
  }
}

resource stamp 'Microsoft.DataFactory/factories/integrationRuntimes@2018-06-01' = {
  parent: factory
  name: 'stamp'
  properties: {
    ...loadJsonContent('integrationRuntime/stamp.json').properties
    typeProperties: { computeProperties: { location: region } }
  }
  dependsOn: [network]
}

resource storage 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = {
  parent: factory
  name: 'storage'
  properties: loadJsonContent('linkedService/storage.json').properties
  dependsOn: [stamp]
}

resource file 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'file'
  properties: loadJsonContent('dataset/file.json').properties
  dependsOn: [storage]
}

resource jsonFile 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'json_file'
  properties: loadJsonContent('dataset/json_file.json').properties
  dependsOn: [storage]
}

resource folder 'Microsoft.DataFactory/factories/datasets@2018-06-01' = {
  parent: factory
  name: 'folder'
  properties: loadJsonContent('dataset/folder.json').properties
  dependsOn: [storage]
}

resource ingestEntry 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'ingest_entry'
  properties: loadJsonContent('pipeline/ingest_entry.json').properties
  dependsOn: [file, jsonFile]
}

resource ingestChain 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'ingest_chain'
  properties: loadJsonContent('pipeline/ingest_chain.json').properties
  dependsOn: [ingestEntry]
}

resource ingestAudit 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'ingest_audit'
  properties: loadJsonContent('pipeline/ingest_audit.json').properties
  dependsOn: [ingestChain]
}

resource ingestPerformance 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'ingest_performance'
  properties: loadJsonContent('pipeline/ingest_performance.json').properties
  dependsOn: [ingestChain]
}

resource ingestWitness 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'ingest_witness'
  properties: loadJsonContent('pipeline/ingest_witness.json').properties
  dependsOn: [folder]
}

resource deliverSnapshot 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'deliver_snapshot'
  properties: loadJsonContent('pipeline/deliver_snapshot.json').properties
  dependsOn: [file, jsonFile]
}

resource deliverReferenceData 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: 'deliver_reference_data'
  properties: loadJsonContent('pipeline/deliver_reference_data.json').properties
  dependsOn: [deliverSnapshot]
}

resource ingestAuditHourly 'Microsoft.DataFactory/factories/triggers@2018-06-01' = {
  parent: factory
  name: 'ingest_audit_hourly'
  properties: {
    ...loadJsonContent('trigger/ingest_audit_hourly.json').properties
    typeProperties: {
      ...loadJsonContent('trigger/ingest_audit_hourly.json').properties.typeProperties
      startTime: firstWindow
    }
  }
  dependsOn: [ingestAudit]
}

resource ingestPerformanceHourly 'Microsoft.DataFactory/factories/triggers@2018-06-01' = {
  parent: factory
  name: 'ingest_performance_hourly'
  properties: {
    ...loadJsonContent('trigger/ingest_performance_hourly.json').properties
    typeProperties: {
      ...loadJsonContent('trigger/ingest_performance_hourly.json').properties.typeProperties
      startTime: firstWindow
    }
  }
  dependsOn: [ingestPerformance]
}

resource ingestWitnessHourly 'Microsoft.DataFactory/factories/triggers@2018-06-01' = {
  parent: factory
  name: 'ingest_witness_hourly'
  properties: {
    ...loadJsonContent('trigger/ingest_witness_hourly.json').properties
    typeProperties: {
      ...loadJsonContent('trigger/ingest_witness_hourly.json').properties.typeProperties
      startTime: firstWindow
    }
  }
  dependsOn: [ingestWitness]
}

resource deliverWhenStaged 'Microsoft.DataFactory/factories/triggers@2018-06-01' = {
  parent: factory
  name: 'deliver_reference_data_when_staged'
  properties: {
    ...loadJsonContent('trigger/deliver_reference_data_when_staged.json').properties
    typeProperties: {
      ...loadJsonContent('trigger/deliver_reference_data_when_staged.json').properties.typeProperties
      scope: platformId
      blobPathBeginsWith: '/${referenceContainer}/blobs/reference_out/'
    }
  }
  dependsOn: [deliverReferenceData]
}

@description('Whom to grant what docs/data-factory.md names.')
output principalId string = factory.identity.principalId
