/** Schedules in the OpenAPI document. */
import { answered, durabilityParameter } from './openapi-headers.ts'
import { idParameter, json, jsonBody, type Operation, onTenant, type Paths, problems } from './openapi-parts.ts'

const tags = ['workflows']

const scheduleParameter = {
  name: 'schedule',
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description: 'schedule id',
}

/** Routes of a tenant's schedules. */
export function schedulePaths(): Paths {
  const one = answered(json('the schedule', 'Schedule'))
  const made = answered(json('the schedule, made or changed', 'ScheduleDetail'))
  return {
    '/t/{id}/schedules': {
      get: onTenant({
        operationId: 'listSchedules',
        summary: 'List the schedules of a tenant',
        tags,
        responses: { 200: answered(json('all of them', 'ScheduleList')), ...problems },
      }),
      post: {
        ...onTenant({
          operationId: 'createSchedule',
          summary: 'Make a schedule, or change the one of this id',
          tags,
          responses: { 200: made, 201: made, ...problems },
        }),
        requestBody: jsonBody('CreateScheduleBody'),
      },
    },
    '/t/{id}/schedules/{schedule}': {
      get: onSchedule('getSchedule', 'Show a schedule and its next firing', {
        200: answered(json('the schedule', 'ScheduleDetail')),
      }),
      put: {
        ...onSchedule('putSchedule', 'Make a schedule, or change it; safe to repeat', { 200: made, 201: made }),
        requestBody: jsonBody('PutScheduleBody'),
      },
      delete: onSchedule('deleteSchedule', 'Delete a schedule; its runs stay', {
        200: answered(json('deleted', 'DeletedSchedule')),
      }),
    },
    '/t/{id}/schedules/{schedule}/pause': { post: onSchedule('pauseSchedule', 'Start nothing more', { 200: one }) },
    '/t/{id}/schedules/{schedule}/resume': {
      post: onSchedule('resumeSchedule', 'Go on with the next of its times', { 200: one }),
    },
    '/t/{id}/schedules/{schedule}/trigger': {
      post: onSchedule('triggerSchedule', 'Start a run of it now', { 202: answered(json('the run', 'Run')) }),
    },
  }
}

function onSchedule(operationId: string, summary: string, replies: Operation['responses']): Operation {
  const operation = onTenant({ operationId, summary, tags, responses: { ...replies, ...problems } })
  return { ...operation, parameters: [idParameter, scheduleParameter, durabilityParameter] }
}
